//! Cuts text into words the same way in every language.

/// The words of a text that is already in lower case.
pub(super) fn words(lower_case: &str) -> impl Iterator<Item = &str> {
    lower_case.split(|character| !is_word_character(character)).filter(|word| !word.is_empty())
}

/// By ranges and not by Unicode category: categories differ between the Unicode tables of Rust, Python and JavaScript.
fn is_word_character(character: char) -> bool {
    match character {
        '\u{2000}'..='\u{206F}' | '\u{2E00}'..='\u{2E7F}' | '\u{3000}'..='\u{303F}' => false,
        _ => character.is_ascii_alphanumeric() || character >= '\u{C0}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_separates_and_letters_of_any_script_do_not() {
        let found: Vec<_> = words("fix_the code-review—of “größe” 測試、v2!").collect();
        assert_eq!(found, ["fix", "the", "code", "review", "of", "größe", "測試", "v2"]);
    }
}
