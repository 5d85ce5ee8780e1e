//! Brings forms of an English word together, as cheaply as is useful.

/// Words that say nothing about what is to be done. Sorted, for the search.
const STOP_WORDS: [&str; 64] = [
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "but", "by", "can",
    "do", "does", "each", "for", "from", "has", "have", "how", "i", "if", "in", "into", "is", "it",
    "its", "me", "my", "no", "not", "of", "on", "or", "other", "our", "should", "so", "some",
    "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to",
    "use", "used", "was", "we", "what", "when", "which", "will", "with", "you", "your",
];

/// Whether a word (in lower case) says nothing.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// The beginning of a word (in lower case) that its forms share: without the ending of a plural, a participle or an
/// agent, where enough is left. Not linguistics: it only has to be the same for both sides.
pub(super) fn stem(word: &str) -> &str {
    const LEAST: usize = 3;
    if word.len() <= LEAST || !word.is_ascii() {
        return word;
    }
    let word = match word.strip_suffix('s') {
        Some(singular) if !singular.ends_with('s') && singular.len() >= LEAST => singular,
        _ => word,
    };
    for ending in ["ing", "ed", "er", "e"] {
        match word.strip_suffix(ending) {
            Some(rest) if rest.len() >= LEAST => return undoubled(rest),
            _ => {}
        }
    }
    word
}

/// `runn` as `run`, but `call` as `call`: l, s and z are doubled in stems too.
fn undoubled(stem: &str) -> &str {
    let bytes = stem.as_bytes();
    let [.., before, last] = bytes else { return stem };
    let doubled = before == last && !matches!(last, b'l' | b's' | b'z' | b'a' | b'e');
    if doubled && bytes.len() > 3 { &stem[..stem.len() - 1] } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn forms_of_a_word_share_their_stem() {
        for forms in [
            ["test", "tests", "testing", "tester"],
            ["deploy", "deploys", "deployed", "deployer"],
            ["file", "files", "filed", "filing"],
            ["plan", "plans", "planning", "planner"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
    }

    #[test]
    fn short_and_foreign_words_stay() {
        for word in ["css", "ring", "bed", "größe", "測試中文字"] {
            assert_eq!(stem(word), word);
        }
    }
}
