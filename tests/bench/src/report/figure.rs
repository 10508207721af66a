//! Figures as text.

/// A figure with as many digits as it deserves, its thousands set apart.
pub(super) fn text(figure: f64) -> String {
    if figure < 9.995 {
        return format!("{figure:.2}");
    }
    if figure < 99.95 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn digits_fit_the_figure() {
        let cases =
            [(0.0, "0.00"), (1.256, "1.26"), (12.34, "12.3"), (123.4, "123"), (1_234_567.0, "1,234,567")];
        for (figure, expected) in cases {
            assert_eq!(text(figure), expected);
        }
        assert_eq!([9.996, 99.96, 999.6].map(text), ["10.0", "100", "1,000"]);
    }
}
