//! Reads Rust source text, as far as the rules need it: paths, test code, inline modules.

use crate::numbered;

/// A path in the code, groups expanded: `use a::{b, c}` is `a::b` and `a::c`.
pub(crate) struct CodePath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) in_test: bool,
    /// In a `pub use`.
    pub(crate) is_public_use: bool,
    inline_modules: usize,
}

impl CodePath {
    /// This path, found in `module`, from the crate's root on, if it goes there.
    pub(crate) fn root_path(&self, module: &[String]) -> Option<&[String]> {
        let mut rest = self.segments.as_slice();
        if rest[0] == "crate" {
            rest = &rest[1..];
        } else {
            let climbs = rest
                .iter()
                .take_while(|segment| *segment == "super")
                .count();
            if climbs == 0 || climbs < module.len() + self.inline_modules {
                return None;
            }
            rest = &rest[climbs..];
        }
        let first = rest.first()?;
        (!matches!(first.as_str(), "self" | "*")).then_some(rest)
    }

    /// The module of the same top-level module that this path, found in `module`, goes into.
    pub(crate) fn sibling<'a>(&'a self, module: &[String]) -> Option<&'a str> {
        let climbs = self.segments.iter();
        let climbs = climbs.take_while(|segment| *segment == "super").count();
        let rest = match self.segments[0].as_str() {
            "crate" if self.segments.get(1) == module.first() => &self.segments[2..],
            _ if climbs > 0 && climbs + 1 == module.len() + self.inline_modules => {
                &self.segments[climbs..]
            }
            _ => return None,
        };
        rest.first().map(String::as_str)
    }

    /// Whether `wanted` occurs anywhere in this path, one segment right after the other.
    pub(crate) fn names(&self, wanted: &[&str]) -> bool {
        self.segments.windows(wanted.len()).any(|window| {
            window
                .iter()
                .zip(wanted)
                .all(|(have, want)| match want.strip_suffix('*') {
                    Some(start) => have.starts_with(start) && have != start,
                    None => have == want,
                })
        })
    }
}

pub(crate) fn paths(text: &str) -> Vec<CodePath> {
    let tokens = tokens(text);
    let mut paths = Vec::new();
    let mut next = 0;
    while next < tokens.len() {
        if tokens[next].is_name() {
            let before = tokens[..next].iter().rev().take(2);
            let is_public_use = before.map(|token| token.text.as_str()).eq(["use", "pub"]);
            let first = paths.len();
            next = expand(&tokens, next, &[], &mut paths);
            for path in &mut paths[first..] {
                path.is_public_use = is_public_use;
            }
        } else {
            next += 1;
        }
    }
    paths
}

/// Reads one path from `tokens[next]` on, with what stands before its group; returns where it ends.
fn expand(
    tokens: &[Token],
    mut next: usize,
    before: &[String],
    paths: &mut Vec<CodePath>,
) -> usize {
    let first = next;
    let mut segments = before.to_vec();
    while tokens
        .get(next)
        .is_some_and(|token| token.is_name() || token.text == "*")
    {
        segments.push(tokens[next].text.clone());
        next += 1;
        if tokens.get(next).is_none_or(|token| token.text != "::") {
            break;
        }
        next += 1;
        if tokens.get(next).is_some_and(|token| token.text == "{") {
            next += 1;
            while tokens.get(next).is_some_and(|token| token.text != "}") {
                let end = expand(tokens, next, &segments, paths);
                // Past a comma, an `as` and its name, or whatever else stands between.
                next = end.max(next + 1);
                while tokens
                    .get(next)
                    .is_some_and(|token| !matches!(token.text.as_str(), "," | "}"))
                {
                    next += 1;
                }
                next += usize::from(tokens.get(next).is_some_and(|token| token.text == ","));
            }
            return next + 1;
        }
    }
    if segments.len() > before.len() {
        let Token {
            line,
            in_test,
            inline_modules,
            ..
        } = tokens[first];
        paths.push(CodePath {
            segments,
            line,
            in_test,
            is_public_use: false,
            inline_modules,
        });
    }
    next.max(first + 1)
}

pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Below `#[cfg(test)]` or `#[test]`.
    pub(crate) in_test: bool,
    inline_modules: usize,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Names, `::` and single marks; no comments, no literals.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let code = code_only(text);
    let mut tokens: Vec<Token> = Vec::new();
    for (line, mut rest) in numbered(&code) {
        while let Some(first) = rest.chars().next() {
            let in_name = |c: char| c.is_alphanumeric() || c == '_';
            let length = if in_name(first) {
                rest.find(|c| !in_name(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                let text = rest[..length].to_string();
                tokens.push(Token {
                    text,
                    line,
                    in_test: false,
                    inline_modules: 0,
                });
            }
            rest = &rest[length..];
        }
    }
    mark_scopes(&mut tokens);
    tokens
}

/// Fills in what is test code and how many inline modules a token stands in.
fn mark_scopes(tokens: &mut [Token]) {
    struct Scope {
        is_module: bool,
        in_test: bool,
    }
    let mut scopes: Vec<Scope> = Vec::new();
    // The depth at which a test attribute waits for the end of its item.
    let mut test_item: Option<usize> = None;
    let mut next = 0;
    while next < tokens.len() {
        let opens_attribute = tokens[next].text == "#";
        let attribute_end = if opens_attribute {
            closing(tokens, next + 1)
        } else {
            next
        };
        let attribute: Vec<&str> = tokens[next..=attribute_end]
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        if matches!(attribute.get(2), Some(&"cfg") | Some(&"test"))
            && attribute.contains(&"test")
            && !attribute
                .windows(3)
                .any(|part| part == ["not", "(", "test"])
        {
            test_item = test_item.or(Some(scopes.len()));
        }
        let in_test = test_item.is_some() || scopes.last().is_some_and(|scope| scope.in_test);
        let inline_modules = scopes.iter().filter(|scope| scope.is_module).count();
        for token in &mut tokens[next..=attribute_end] {
            (token.in_test, token.inline_modules) = (in_test, inline_modules);
        }
        next = attribute_end;
        match tokens[next].text.as_str() {
            "{" | "(" | "[" => {
                let is_module = next >= 2 && tokens[next - 2].text == "mod";
                if tokens[next].text == "{" && test_item == Some(scopes.len()) {
                    test_item = None;
                }
                scopes.push(Scope { is_module, in_test });
            }
            // The closing bracket of an attribute was opened within it.
            "}" | ")" | "]" if !opens_attribute => {
                scopes.pop();
                test_item = test_item.filter(|depth| *depth <= scopes.len());
            }
            ";" | "," if test_item == Some(scopes.len()) => test_item = None,
            _ => {}
        }
        next += 1;
    }
}

/// Where the bracket closes that opens at `tokens[open]` (after an inner attribute's `!`).
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "[" => depth += 1,
            "]" if depth == 1 => return index,
            "]" => depth -= 1,
            "!" => {}
            _ if depth == 0 => break,
            _ => {}
        }
    }
    open - 1
}

/// The text with comments and literals blanked out, line for line.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let blank = blank_length(rest, after_name);
        if blank == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(
                rest[..blank]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
            rest = &rest[blank..];
        }
    }
    code
}

/// How long the comment or the literal is that `rest` starts with; 0 if it starts with code.
fn blank_length(rest: &str, after_name: bool) -> usize {
    let upto = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return upto(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        let (mut depth, mut at) = (0usize, 0);
        while at < rest.len() {
            let here = &rest.as_bytes()[at..];
            if here.starts_with(b"/*") {
                (depth, at) = (depth + 1, at + 2);
            } else if here.starts_with(b"*/") {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            } else {
                at += 1;
            }
        }
        return rest.len();
    }
    let unprefixed = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - unprefixed.len();
    if after_name || prefix > 1 {
        return 0;
    }
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = prefix + 1 + hashes + 1;
            return upto(
                rest[start..]
                    .find(&end)
                    .map(|found| start + found + end.len()),
            );
        }
        return 0;
    }
    let quote = match unprefixed.chars().next() {
        Some('"') => '"',
        // A character, not a lifetime: 'x' closes after one character, '\…' is an escape.
        Some('\'')
            if unprefixed[1..].starts_with('\\') || unprefixed.chars().nth(2) == Some('\'') =>
        {
            '\''
        }
        _ => return 0,
    };
    let mut escaped = false;
    for (at, c) in unprefixed.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return prefix + at + 1,
            _ => {}
        }
    }
    rest.len()
}
