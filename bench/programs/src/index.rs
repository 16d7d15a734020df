//! An inverted index: which words stand in which lines, and the answers to some queries.

use std::collections::{BTreeMap, HashMap, hash_map::DefaultHasher};
use std::hash::BuildHasherDefault;

use crate::checksum::Checksum;

/// A map whose order is the same in every run.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

pub fn run(files: &str, checksum: &mut Checksum) {
    let mut index: Map<String, Vec<(u32, u32)>> = Map::default();
    for (file, text) in files.split('\0').enumerate() {
        for (number, line) in text.lines().enumerate() {
            for word in line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 1) {
                index.entry(word.to_lowercase()).or_default().push((file as u32, number as u32));
            }
        }
    }

    // The words in order, and for each first letter the most frequent ones.
    let mut frequent: BTreeMap<char, Vec<(usize, String)>> = BTreeMap::new();
    for (word, places) in &index {
        let first = word.chars().next().unwrap_or(' ');
        frequent.entry(first).or_default().push((places.len(), word.clone()));
    }
    for (first, words) in &mut frequent {
        words.sort_by(|a, b| b.cmp(a));
        words.truncate(20);
        checksum.number(u64::from(*first));
        // Where two neighbours in the list stand in the same line.
        for pair in words.windows(2) {
            let lines: BTreeMap<(u32, u32), ()> = index[&pair[0].1].iter().map(|&place| (place, ())).collect();
            let both = index[&pair[1].1].iter().filter(|place| lines.contains_key(place)).count();
            checksum.text(&format!("{} and {}: {both}", pair[0].1, pair[1].1));
        }
    }
    checksum.number(index.len() as u64);
}
