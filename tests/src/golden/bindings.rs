//! Values of the server's answers that a transcript remembers.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(super) struct Bindings(BTreeMap<String, String>);

impl Bindings {
    /// Remembers a value. It must be new: a server that hands out the same reference twice is
    /// wrong.
    pub(super) fn remember(&mut self, name: &str, value: &str) -> Result<(), String> {
        if let Some((known, _)) = self.0.iter().find(|(_, other)| *other == value) {
            return Err(format!(
                "a value not seen before, to be {name}; got {value:?} again, which is {known}"
            ));
        }
        match self.0.insert(name.to_owned(), value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(format!("the transcript gives {name} twice")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| format!("nothing is remembered as {name}"))
    }

    /// Replaces every `${x}` with the value remembered as x.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) =
                part.split_once('}').ok_or_else(|| format!("a placeholder without end in {text:?}"))?;
            filled.push_str(self.get(name)?);
            filled.push_str(rest);
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::Bindings;

    #[test]
    fn remembered_values_are_filled_in() {
        let mut bindings = Bindings::default();
        bindings.remember("x", "1").expect("new");
        assert_eq!(bindings.fill("a${x}b${x}").as_deref(), Ok("a1b1"));
        assert!(bindings.fill("${y}").is_err());
        assert!(bindings.fill("${x").is_err());
    }

    #[test]
    fn a_remembered_value_must_be_new() {
        let mut bindings = Bindings::default();
        bindings.remember("x", "1").expect("new");
        assert!(bindings.remember("y", "1").is_err());
        assert!(bindings.remember("x", "2").is_err());
    }
}
