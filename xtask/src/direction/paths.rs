//! Finds the paths of a Rust source file that begin at the root of its crate.

/// What a source file imports from its crate, outside its tests.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Paths {
    pub(super) imports: Vec<Import>,
    /// Modules in files of their own that only tests compile.
    pub(super) test_modules: Vec<Vec<String>>,
}

/// A path such as `crate::store::Store`, or `super::store` in a module at the root.
#[derive(Debug, PartialEq)]
pub(super) struct Import {
    pub(super) line: usize,
    /// First name of the path.
    pub(super) name: String,
}

/// Reads the source of the module `module`, whose names are those from the root down to it.
pub(super) fn read(source: &str, module: &[String]) -> Paths {
    let mut reader = Reader { tokens: tokens(source), at: 0, modules: module.to_vec(), open: Vec::new(), depth: 0 };
    let mut paths = Paths::default();
    while reader.at < reader.tokens.len() {
        reader.step(&mut paths);
    }
    paths
}

/// A word, a `::`, or another character, with the number of its line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// Names from the root down to the innermost module.
    modules: Vec<String>,
    /// Depth of braces at which each inline module began.
    open: Vec<usize>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn follows(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.text(self.at + offset) == *word)
    }

    fn step(&mut self, paths: &mut Paths) {
        if self.follows(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            self.at += 7;
            return self.skip_item(paths);
        }
        match self.text(self.at) {
            "{" => self.depth += 1,
            "}" => self.close(),
            "mod" if self.text(self.at + 2) == "{" => {
                self.modules.push(self.text(self.at + 1).to_owned());
                self.open.push(self.depth);
                self.at += 1;
            }
            "crate" if self.text(self.at + 1) == "::" && !self.is_after("$") => self.root_path(self.at + 2, paths),
            "super" if !self.is_after("::") => self.super_path(paths),
            _ => {}
        }
        self.at += 1;
    }

    fn is_after(&self, text: &str) -> bool {
        self.at > 0 && self.text(self.at - 1) == text
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.open.last() == Some(&self.depth) {
            self.open.pop();
            self.modules.pop();
        }
    }

    fn super_path(&mut self, paths: &mut Paths) {
        let mut levels = 0;
        let mut at = self.at;
        while self.text(at) == "super" && self.text(at + 1) == "::" {
            levels += 1;
            at += 2;
        }
        if levels > 0 && levels >= self.modules.len() {
            self.root_path(at, paths);
        }
    }

    /// Adds the names at `at`, which follow a `crate::`: one, or several between braces.
    fn root_path(&self, at: usize, paths: &mut Paths) {
        let mut depth = 0;
        for at in at..self.tokens.len() {
            let Token { text, line } = self.tokens[at];
            match text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ if depth == 0 || (depth == 1 && matches!(self.text(at - 1), "{" | ",")) => {
                    paths.imports.push(Import { line, name: text.to_owned() });
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips an item that its attribute compiles only for tests.
    fn skip_item(&mut self, paths: &mut Paths) {
        while self.text(self.at) == "#" {
            self.skip_to_end_of(&["]"]);
        }
        if self.text(self.at) == "pub" {
            self.at += 1;
            if self.text(self.at) == "(" {
                self.skip_to_end_of(&[")"]);
            }
        }
        match self.text(self.at) {
            "mod" if self.text(self.at + 2) == ";" => {
                let mut module = self.modules.clone();
                module.push(self.text(self.at + 1).to_owned());
                paths.test_modules.push(module);
                self.at += 3;
            }
            "use" | "const" | "static" | "let" | "type" => self.skip_to_end_of(&[";"]),
            "mod" | "fn" | "async" | "unsafe" | "extern" | "impl" | "struct" | "enum" | "trait" | "macro_rules" => {
                self.skip_to_end_of(&[";", "}"]);
            }
            // A field, a variant or an expression.
            _ => self.skip_to_end_of(&[",", ";"]),
        }
    }

    /// Skips everything up to the first of `ends` outside of brackets, or to the closing bracket
    /// around it.
    fn skip_to_end_of(&mut self, ends: &[&str]) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            let text = self.text(self.at);
            match text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth == 0 => return,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 && ends.contains(&text) {
                return;
            }
        }
    }
}

/// Splits a source into tokens, without comments, strings and characters.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, is_token) = measure(rest, first);
        let (text, after) = rest.split_at(length);
        if is_token {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// Returns the length of the first piece of `rest`, and whether it is a token.
fn measure(rest: &str, first: char) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if let Some(length) = raw_string(rest) {
        return (length, false);
    }
    match first {
        '"' => (quoted(rest, '"'), false),
        '\'' => (character(rest).unwrap_or(1), false),
        _ if rest.starts_with("::") => (2, true),
        _ if is_word(first) => (rest.find(|c| !is_word(c)).unwrap_or(rest.len()), true),
        _ => (first.len_utf8(), !first.is_whitespace()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of the comment that `rest` begins with. Such comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(found) = rest[at..].find(['/', '*']) {
        at += found;
        match rest.get(at..at + 2) {
            Some("/*") => depth += 1,
            Some("*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Returns the length of the raw string that `rest` begins with, such as `r#"…"#`.
fn raw_string(rest: &str) -> Option<usize> {
    let body = ["r", "br", "cr"].into_iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let text = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - text.len();
    Some(text.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// Returns the length of the text between two of `quote` that `rest` begins with.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Returns the length of the character that `rest` begins with, unless that is a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.chars().skip(1);
    let is_character = characters.next()? == '\\' || characters.next()? == '\'';
    is_character.then(|| quoted(rest, '\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names that a module imports, each with its line.
    fn imports(module: &[&str], source: &str) -> Vec<(usize, String)> {
        let module: Vec<String> = module.iter().map(ToString::to_string).collect();
        read(source, &module).imports.into_iter().map(|import| (import.line, import.name)).collect()
    }

    fn names(source: &str) -> Vec<String> {
        imports(&["room", "part"], source).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn paths_are_found_with_their_lines() {
        let source = "use crate::store::Store;\n\nfn f() -> crate::error::Error {\n    crate::id::new()\n}\n";
        let expected = [(1, "store"), (3, "error"), (4, "id")].map(|(line, name)| (line, name.to_owned()));
        assert_eq!(imports(&["room"], source), expected);
    }

    #[test]
    fn each_path_of_a_group_is_found() {
        let source = "use crate::{\n    a::{B, c::D},\n    e::*,\n};\nuse crate::f::{self, G};";
        let expected = [(2, "a"), (3, "e"), (5, "f")].map(|(line, name)| (line, name.to_owned()));
        assert_eq!(imports(&["room"], source), expected);
    }

    #[test]
    fn super_counts_where_it_reaches_the_root() {
        assert_eq!(names("use super::sibling::A; use super::super::other::B;"), ["other"]);
        assert_eq!(names("mod inner { use super::super::super::other::B; use super::super::C; }"), ["other"]);
        assert_eq!(names("mod inner {} use super::super::other::B;"), ["other"]);
        assert_eq!(imports(&["room"], "use super::other::B;"), [(1, "other".to_owned())]);
    }

    #[test]
    fn tests_do_not_count() {
        for source in [
            "#[cfg(test)]\nmod tests { use crate::a::B; fn f() { crate::c(); } }",
            "#[cfg(test)] #[expect(dead_code)] pub(crate) fn f<A, B>(x: [u8; 2]) { crate::c() }",
            "#[cfg(test)] use crate::{a::B, c::D};",
            "#[cfg(test)] const C: D = crate::D { e: 1 };",
        ] {
            assert_eq!(names(&format!("{source} use crate::seen::X;")), ["seen"], "{source}");
        }
        assert_eq!(names("struct S { #[cfg(test)] a: crate::A, b: crate::seen::B }"), ["seen"]);
        assert_eq!(names("#[cfg(any(test, feature = \"testing\"))] use crate::seen::X;"), ["seen"]);
    }

    #[test]
    fn a_test_module_in_its_own_file_is_named() {
        let paths = read("#[cfg(test)]\nmod tests;\nmod other;", &["room".to_owned()]);
        assert_eq!(paths.test_modules, [["room", "tests"]]);
    }

    #[test]
    fn comments_and_texts_do_not_count() {
        for source in [
            "//! [`A`](crate::a::A)\n/// crate::b\n// crate::c",
            "/* crate::a /* crate::b */ crate::c */",
            r#"const S: &str = "crate::a \" crate::b";"#,
            r##"const S: &str = r#"crate::a " crate::b"#;"##,
            "const C: char = '\"'; const D: char = '\\''; fn f<'a>(x: &'a str) {}",
            "macro_rules! m { () => { $crate::a::b() } } pub(crate) fn f() {}",
        ] {
            assert_eq!(names(&format!("{source}\nuse crate::seen::X;")), ["seen"], "{source}");
        }
    }
}
