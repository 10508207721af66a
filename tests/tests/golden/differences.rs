//! The transcripts that Vestibule deliberately differs from, read from the document that gives the
//! reasons.

use std::collections::BTreeSet;

use vestibule_tests::repository;

/// The document, relative to the repository's root.
pub(crate) const DOCUMENT: &str = "docs/compatibility.md";

/// The heading of the table.
const HEADING: &str = "## Transcripts that differ on purpose";

/// Names of transcripts, `file/name`.
#[derive(Debug)]
pub(crate) struct Differences(BTreeSet<String>);

impl Differences {
    /// Reads the document.
    pub(crate) fn read() -> Self {
        Self::parse(&repository::read(DOCUMENT))
    }

    /// The names in the first column of the table: everything in backticks there.
    fn parse(document: &str) -> Self {
        let section = document.lines().skip_while(|line| *line != HEADING).skip(1);
        let rows = section.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
        let names =
            rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2));
        let mut known = BTreeSet::new();
        for name in names {
            assert!(known.insert(name.to_owned()), "{DOCUMENT} lists {name} twice");
        }
        assert!(!known.is_empty(), "{DOCUMENT} has no table under {HEADING:?}");
        Self(known)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Checks that each name belongs to a transcript.
    pub(crate) fn assert_known<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let names: BTreeSet<&str> = names.collect();
        let unknown: Vec<&String> = self.0.iter().filter(|name| !names.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{DOCUMENT} lists transcripts that there are not: {unknown:?}");
    }
}

#[test]
fn the_table_of_differences_is_parsed() {
    let document = format!(
        "| `a/no` | elsewhere |\n{HEADING}\n\nText with `b/no`.\n\n| Transcript | Why |\n| --- | --- |\n\
         | `c/yes` | because of `d/no` |\n| `e/yes`, `e/too` | reasons |\n\n## Next\n| `f/no` | not this |\n"
    );
    let names: Vec<String> = Differences::parse(&document).0.into_iter().collect();
    assert_eq!(names, ["c/yes", "e/too", "e/yes"]);
}
