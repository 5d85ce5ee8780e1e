//! Reads `key: value` front matter, tolerant of what YAML would refuse in a description.
//!
//! The rules are in the README of this folder.

use std::fmt;
use std::iter::Peekable;

/// What the front matter of an agent's file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FrontMatter {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    /// Texts that the agent should be chosen for.
    pub(super) examples: Vec<String>,
    /// Every key with its lines, as written.
    pub(super) blocks: Vec<(String, String)>,
}

/// What is wrong, and in which line of the file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    line: usize,
    what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

type Result<T> = std::result::Result<T, Malformed>;

/// The front matter of a file; empty when the file has none.
pub(super) fn read(text: &str) -> Result<FrontMatter> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return Ok(FrontMatter::default());
    }
    let body: Vec<(usize, &str)> = (2..).zip(lines).take_while(|(_, line)| !is_end(line)).collect();
    // The opening line and the body are all of an unclosed file.
    if text.lines().count() == body.len() + 1 {
        return Err(malformed(1, "front matter is opened by \"---\" and never closed"));
    }
    let mut found = FrontMatter::default();
    for field in fields(&body)? {
        match field.key {
            "name" => found.name = plain_name(field)?,
            "description" => found.description = Some(field.value).filter(|text| !text.is_empty()),
            _ => {}
        }
    }
    found.blocks = blocks(&body);
    if let Some((_, block)) = found.blocks.iter().find(|(key, _)| key == "examples") {
        found.examples = items(block);
    }
    Ok(found)
}

/// The lines of each key, its own first.
fn blocks(body: &[(usize, &str)]) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for (_, line) in body {
        match (is_ignored(line), split_key(line), blocks.last_mut()) {
            (false, Some((key, _)), _) => blocks.push((key.into(), format!("{line}\n"))),
            (_, _, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (_, _, None) => {}
        }
    }
    blocks
}

/// The items of a list of texts: one a line behind `- `, quoted or plain.
fn items(block: &str) -> Vec<String> {
    let items = block.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let item = |text: &str| {
        let text = text.trim();
        let unquoted = match text.as_bytes().first() {
            Some(b'"') => double_quoted(&text[1..], 0).ok(),
            Some(b'\'') => single_quoted(&text[1..], 0).ok(),
            _ => None,
        };
        unquoted.unwrap_or_else(|| without_comment(text).to_owned())
    };
    items.map(item).filter(|text| !text.is_empty()).collect()
}

fn is_end(line: &str) -> bool {
    matches!(line.trim_end(), "---" | "...")
}

fn malformed(line: usize, what: impl Into<String>) -> Malformed {
    Malformed { line, what: what.into() }
}

struct Field<'a> {
    key: &'a str,
    value: String,
    quoted: bool,
    line: usize,
}

type Lines<'a, 'b> = Peekable<std::slice::Iter<'b, (usize, &'a str)>>;

fn fields<'a>(body: &[(usize, &'a str)]) -> Result<Vec<Field<'a>>> {
    let mut fields: Vec<Field<'a>> = Vec::new();
    let mut lines = body.iter().peekable();
    while let Some(&(line, text)) = lines.next() {
        if is_ignored(text) {
            continue;
        }
        let (key, rest) = split_key(text).ok_or_else(|| {
            malformed(line, format!("expected \"key: value\", found {:?}", shortened(text)))
        })?;
        if let Some(first) = fields.iter().find(|field| field.key == key) {
            return Err(malformed(
                line,
                format!("{key:?} is already given in line {}", first.line),
            ));
        }
        let (value, quoted) = value(rest.trim(), line, &mut lines)?;
        fields.push(Field { key, value, quoted, line });
    }
    Ok(fields)
}

/// Blank lines, comments, and what belongs to a nested value that nobody asked for.
fn is_ignored(text: &str) -> bool {
    text.trim().is_empty()
        || text.starts_with('#')
        || is_indented(text)
        || text.trim_end() == "-"
        || text.starts_with("- ")
}

fn is_indented(text: &str) -> bool {
    text.starts_with([' ', '\t'])
}

fn split_key(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = text.split_once(':')?;
    let is_key = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let is_separated = rest.is_empty() || is_indented(rest);
    (is_key && is_separated).then_some((key, rest))
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// A value and whether it was quoted; takes the lines that continue it.
fn value(rest: &str, line: usize, lines: &mut Lines<'_, '_>) -> Result<(String, bool)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        return Ok((double_quoted(quoted, line)?, true));
    }
    if let Some(quoted) = rest.strip_prefix('\'') {
        return Ok((single_quoted(quoted, line)?, true));
    }
    if let Some(folded) = block_style(rest) {
        return Ok((block(folded, lines), false));
    }
    Ok((plain(rest, lines), false))
}

/// Whether `|…` or `>…` opens a block, and if so whether its lines are folded.
fn block_style(rest: &str) -> Option<bool> {
    let header = without_comment(rest);
    let folded = header.starts_with('>');
    let indicators = header.strip_prefix(['|', '>'])?;
    let is_header = indicators.chars().all(|c| matches!(c, '+' | '-') || c.is_ascii_digit());
    is_header.then_some(folded)
}

fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    let end = [" #", "\t#"].iter().filter_map(|mark| text.find(mark)).min();
    text[..end.unwrap_or(text.len())].trim_end()
}

fn block(folded: bool, lines: &mut Lines<'_, '_>) -> String {
    let mut taken = Vec::new();
    while let Some(&(_, text)) =
        lines.next_if(|(_, text)| text.trim().is_empty() || is_indented(text))
    {
        taken.push(text.trim_end());
    }
    let indent = |text: &&str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let common = taken.iter().filter(|text| !text.is_empty()).map(indent);
    let common = common.min().unwrap_or(0);
    let lines = taken.iter().map(|text| text.get(common..).unwrap_or(""));
    let joined = if folded { fold(lines) } else { lines.collect::<Vec<_>>().join("\n") };
    joined.trim_end().into()
}

fn fold<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        if line.is_empty() {
            text.push('\n');
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

fn plain(rest: &str, lines: &mut Lines<'_, '_>) -> String {
    let mut text = without_comment(rest).to_owned();
    let nested = |line: &str| {
        let line = line.trim();
        line == "-" || line.starts_with("- ") || line.contains(": ") || line.ends_with(':')
    };
    if text.is_empty() && lines.peek().is_some_and(|(_, line)| nested(line)) {
        return text;
    }
    while let Some(&(_, line)) =
        lines.next_if(|(_, line)| is_indented(line) && !line.trim().is_empty())
    {
        let line = without_comment(line.trim());
        if !text.is_empty() && !line.is_empty() {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

fn single_quoted(text: &str, line: usize) -> Result<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\'' {
            value.push(character);
        } else if let Some(after) = characters.as_str().strip_prefix('\'') {
            value.push('\'');
            characters = after.chars();
        } else {
            return end_of_quote(value, characters.as_str(), line);
        }
    }
    Err(malformed(line, "a single quote is never closed"))
}

fn double_quoted(text: &str, line: usize) -> Result<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return end_of_quote(value, characters.as_str(), line),
            '\\' => {
                let (escaped, after) = escape(characters.as_str(), line)?;
                value.push(escaped);
                characters = after.chars();
            }
            other => value.push(other),
        }
    }
    Err(malformed(line, "a double quote is never closed"))
}

/// The character of an escape and what follows it.
fn escape(text: &str, line: usize) -> Result<(char, &str)> {
    let mut characters = text.chars();
    let character = match characters.next() {
        Some(same @ ('"' | '\\' | '/')) => same,
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => {
            let digits = text.get(1..5).unwrap_or("");
            let is_hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let code =
                u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).and_then(char::from_u32);
            let code =
                code.ok_or_else(|| malformed(line, "\\u takes four hex digits of one character"))?;
            return Ok((code, &text[5..]));
        }
        Some(other) => return Err(malformed(line, format!("the escape \\{other} is unknown"))),
        None => return Err(malformed(line, "a double quote is never closed")),
    };
    Ok((character, characters.as_str()))
}

fn end_of_quote(value: String, after: &str, line: usize) -> Result<String> {
    let is_end = after.is_empty() || is_indented(after);
    let is_clear = after.trim().is_empty() || after.trim().starts_with('#');
    if is_end && is_clear {
        return Ok(value);
    }
    Err(malformed(line, format!("{:?} follows a closed quote", shortened(after.trim()))))
}

fn plain_name(field: Field<'_>) -> Result<Option<String>> {
    if field.quoted {
        return Ok(Some(field.value).filter(|name| !name.trim().is_empty()));
    }
    if matches!(field.value.as_str(), "" | "~" | "null") {
        return Ok(None);
    }
    if field.value.starts_with(['[', ']', '{', '}', '&', '*', '!', '%', '@', '`']) {
        return Err(malformed(
            field.line,
            format!("a name is plain text, found {:?}", shortened(&field.value)),
        ));
    }
    Ok(Some(field.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_and_description(text: &str) -> (Option<String>, Option<String>) {
        let found = read(text).unwrap();
        (found.name, found.description)
    }

    fn description(front_matter: &str) -> String {
        let text = format!("---\n{front_matter}\n---\n");
        read(&text).unwrap().description.unwrap()
    }

    fn fault(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_without_front_matter_says_nothing() {
        for text in ["", "# Title\n---\nname: no\n---\n", " ---\nname: no\n---\n"] {
            assert_eq!(read(text).unwrap(), FrontMatter::default(), "{text:?}");
        }
    }

    #[test]
    fn name_and_description_are_read_past_everything_else() {
        let text = "\u{FEFF}---  \r\n# comment\r\ntools:\r\n- Bash\r\n  - Read\r\nname:  reviewer # short\r\nmodel: opus\r\nhooks:\r\n  before: name\r\ndescription: Reviews: code, \"diffs\" and more\r\n---\r\nname: no\r\n";
        assert_eq!(
            name_and_description(text),
            (Some("reviewer".into()), Some("Reviews: code, \"diffs\" and more".into()))
        );
    }

    #[test]
    fn quotes_are_taken_off() {
        assert_eq!(description(r#"description: "a \"b\" \\ \/ \t\u00e9" # x"#), "a \"b\" \\ / \té");
        assert_eq!(description("description: 'it''s: # one'"), "it's: # one");
    }

    #[test]
    fn blocks_keep_or_fold_their_lines() {
        assert_eq!(
            description("description: |-\n  one\n    two\n\n  three\n\nmodel: x"),
            "one\n  two\n\nthree"
        );
        assert_eq!(description("description: >\n  one\n  two\n\n  three"), "one two\nthree");
    }

    #[test]
    fn plain_text_continues_on_indented_lines() {
        assert_eq!(description("description: one\n  two # no\n  three\nname: x"), "one two three");
        assert_eq!(description("description:\n  one\n  two"), "one two");
        let nested = read("---\ndescription:\n  - one\n---\n").unwrap();
        assert_eq!(nested.description, None);
    }

    #[test]
    fn an_absent_name_is_no_name() {
        for value in ["", "~", "null", "# comment", "\" \""] {
            let text = format!("---\nname: {value}\n---\n");
            assert_eq!(read(&text).unwrap().name, None, "{value}");
        }
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            fault("---\nname: x\n"),
            "line 1: front matter is opened by \"---\" and never closed"
        );
        assert_eq!(
            fault("---\nname: x\nno key here\n---\n"),
            "line 3: expected \"key: value\", found \"no key here\""
        );
        assert_eq!(
            fault("---\nname: x\n\nname: y\n---\n"),
            "line 4: \"name\" is already given in line 2"
        );
        assert_eq!(fault("---\nname: [x]\n---\n"), "line 2: a name is plain text, found \"[x]\"");
        assert_eq!(fault("---\nname: \"x\n---\n"), "line 2: a double quote is never closed");
        assert_eq!(fault("---\nname: 'x'y\n---\n"), "line 2: \"y\" follows a closed quote");
        assert_eq!(fault("---\nname: \"\\q\"\n---\n"), "line 2: the escape \\q is unknown");
        assert_eq!(
            fault("---\nname: \"\\ud800\"\n---\n"),
            "line 2: \\u takes four hex digits of one character"
        );
    }
}
