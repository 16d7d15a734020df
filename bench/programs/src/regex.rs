//! Searches a text for patterns, line by line, and collects what they capture.

use regex::Regex;

use crate::checksum::Checksum;

const PATTERNS: [&str; 4] = [
    r"(?P<name>[A-Za-z_]\w*)\s*\((?P<arguments>[^()]*)\)",
    r"\b(?:https?)://[\w.-]+(?:/[\w./#?=&%-]*)?",
    r"(?i)\b(error|panic|unsafe|todo)\b.{0,20}",
    r"`([^`]+)`",
];

pub fn run(text: &str, checksum: &mut Checksum) {
    for pattern in PATTERNS {
        let regex = Regex::new(pattern).expect("the pattern is valid");
        let mut found: Vec<String> = Vec::new();
        for line in text.lines() {
            for captures in regex.captures_iter(line) {
                let groups: Vec<&str> = captures.iter().flatten().map(|group| group.as_str()).collect();
                found.push(groups.join(" "));
            }
        }
        found.sort();
        checksum.number(found.len() as u64);
        for text in found {
            checksum.text(&text);
        }
        checksum.text(&regex.replace_all(text, "[$1]"));
    }
}
