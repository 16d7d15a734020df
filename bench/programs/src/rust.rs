//! Parses Rust files, separated by NUL, into syntax trees and turns those into tokens again.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::checksum::Checksum;

pub fn run(files: &str, checksum: &mut Checksum) {
    for file in files.split('\0') {
        let tree = syn::parse_file(file).expect("the file is valid Rust");
        checksum.number(tree.items.len() as u64);
        count(tree.into_token_stream(), checksum);
    }
}

fn count(tokens: TokenStream, checksum: &mut Checksum) {
    let mut number = 0;
    for token in tokens {
        number += 1;
        match token {
            TokenTree::Group(group) => count(group.stream(), checksum),
            TokenTree::Punct(punct) => checksum.number(punct.as_char().into()),
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    checksum.number(number);
}
