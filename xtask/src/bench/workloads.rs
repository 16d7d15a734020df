//! What the allocators have to do.

/// Workloads that are alike.
#[derive(Clone, Copy, PartialEq)]
pub enum Family {
    /// Real programs on real input.
    Real,
    /// Nothing but allocations of at most 128 bytes.
    Small,
    /// Nothing but allocations, larger ones too.
    Micro,
}

impl Family {
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Small => "small",
            Self::Micro => "micro",
        }
    }
}

pub struct Workload {
    /// What the module calls it.
    pub name: &'static str,
    pub family: Family,
    pub what: &'static str,
    /// Its input, which has the name of the program that it was made for.
    pub input: Option<&'static str>,
}

const fn workload(
    name: &'static str,
    family: Family,
    what: &'static str,
    input: Option<&'static str>,
) -> Workload {
    Workload { name, family, what, input }
}

/// The features of `bench/programs` that a module needs to have them all.
pub const FEATURES: [&str; 7] = ["json", "markdown", "rust", "regex", "script", "index", "micro"];

pub const ALL: [Workload; 15] = [
    workload("json", Family::Real, "a JSON document, parsed and written again", Some("json")),
    workload("markdown", Family::Real, "Markdown, rendered to HTML", Some("markdown")),
    workload("rust", Family::Real, "Rust source, parsed and turned into tokens again", Some("rust")),
    workload("regex", Family::Real, "regular expressions over a text, line by line", Some("markdown")),
    workload("script", Family::Real, "a script in a scripting engine", None),
    workload("index", Family::Real, "an inverted index of a text", Some("markdown")),
    workload("churn", Family::Small, "1000 blocks of 8 to 128 B, a random one replaced", None),
    workload("lifo", Family::Small, "up to 5000 blocks of 16 to 128 B, last in, first out", None),
    workload("fifo", Family::Small, "up to 12 500 blocks of 16 to 128 B, first in, first out", None),
    workload("vectors", Family::Micro, "two vectors doubling in turn, to 512 KiB", None),
    workload("mixed_500", Family::Micro, "500 blocks of 8 B to 32 KiB, a random one replaced", None),
    workload("mixed_20000", Family::Micro, "20 000 blocks of 8 B to 32 KiB, a random one replaced", None),
    workload("large", Family::Micro, "50 blocks of 32 KiB to 1 MiB, a random one replaced", None),
    workload("fragments", Family::Micro, "every other block freed, then longer ones", None),
    workload("messages", Family::Micro, "messages of 32 B to 2 KiB from a producer to a consumer", None),
];
