//! The manual page and shell completions, generated from the command line.

use clap_complete::Shell;
use clap_mangen::Man;

use super::command::{command, server};

/// The manual page, for section 1. It describes the other commands, too, which have none.
///
/// # Panics
/// Never: memory can be written to.
pub fn man() -> Vec<u8> {
    let mut page = Vec::new();
    Man::new(server()).render(&mut page).expect("memory can be written to");
    page
}

/// The completions for a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "vestibule", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_completions_list_every_option() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (man, bash) = (text(man()).replace("\\-", "-"), text(completions(Shell::Bash)));
        for option in command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(man.contains(&format!("--{option}")), "--{option}");
            assert!(bash.contains(&format!("--{option}")), "--{option}");
        }
        assert!(man.starts_with(".ie") && man.contains(".TH vestibule 1"), "{man}");
    }
}
