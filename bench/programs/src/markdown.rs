//! Renders Markdown files, separated by NUL, to HTML.

use pulldown_cmark::{Options, Parser, html};

use crate::checksum::Checksum;

pub fn run(files: &str, checksum: &mut Checksum) {
    for file in files.split('\0') {
        let mut page = String::new();
        html::push_html(&mut page, Parser::new_ext(file, Options::all()));
        checksum.text(&page);
    }
}
