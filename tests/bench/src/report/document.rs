//! The document: what is between its markers is written anew, and the plots beside it.

use std::{fs, io, path::Path};

use super::{
    svg::{Plot, plots},
    table::{Table, tables},
};
use crate::rounds::Summary;

const BEGIN: &str = "<!-- make bench writes this part -->\n";
const END: &str = "<!-- up to here -->\n";

/// Writes the figures into a document, and the plots into the folder beside it that has its name.
pub fn write(document: &Path, summary: &Summary) -> io::Result<()> {
    let folder = document.with_extension("");
    fs::create_dir_all(&folder)?;
    let plots = plots(summary);
    for plot in &plots {
        fs::write(folder.join(&plot.file), &plot.svg)?;
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let old = fs::read_to_string(document)?;
    let new = replaced(&old, &part(summary, &plots, &name)).ok_or_else(|| {
        io::Error::other(format!("{} has no line {BEGIN:?}, or none {END:?} after it", document.display()))
    })?;
    fs::write(document, new)
}

/// The document with another part between the markers.
fn replaced(document: &str, part: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{part}\n{END}{after}"))
}

/// The part between the markers.
fn part(summary: &Summary, plots: &[Plot], folder: &str) -> String {
    let Summary { machine, load, busy, rounds, is_long, .. } = summary;
    let form = if *is_long { "long" } else { "short" };
    let mut parts = vec![format!(
        "- Machine: {machine}.\n- The {form} form; medians of {rounds} alternating rounds.\n\
         - Load average at the start: {load:.1}; the machine was {:.0} % busy during the run.\n",
        busy * 100.0,
    )];
    parts.extend(plots.iter().map(|plot| format!("![{}]({folder}/{})\n", plot.title, plot.file)));
    parts.extend(tables(summary).iter().map(Table::markdown));
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BEGIN, END, replaced, write};
    use crate::report::table::tests::summary;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = format!("before\n{BEGIN}old\n{END}after\n");
        assert_eq!(replaced(&document, "new"), Some(format!("before\n{BEGIN}\nnew\n{END}after\n")));
        assert_eq!(replaced("no markers\n", "new"), None);
    }

    #[test]
    fn a_document_has_plots_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let document = folder.path().join("speed.md");
        fs::write(&document, format!("# Speed\n{BEGIN}{END}")).expect("a file");
        for _ in 0..2 {
            write(&document, &summary()).expect("files");
        }
        let text = fs::read_to_string(&document).expect("the document");
        assert_eq!(text.matches("](speed/cpu.svg)").count(), 1, "{text}");
        assert!(folder.path().join("speed/cpu.svg").exists());
    }
}
