//! What a process has done to a folder, read from the output of strace.

use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The system calls that change files.
pub(super) const TRACED: &str = "openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,fallocate,lseek,\
                                 fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,\
                                 link,linkat,copy_file_range,sendfile,truncate,sync_file_range";

/// The number of a file, which keeps it when it is renamed.
pub(super) type File = usize;

/// A system call that has ended, or nothing of interest.
#[derive(Debug)]
pub(super) enum Call {
    Create(PathBuf, File),
    CreateFolder(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Write(File, u64, Vec<u8>),
    Length(File, u64),
    /// A sync of a file, and the number of calls that had ended when it began.
    SyncFile(File, usize),
    SyncFolder(PathBuf, usize),
    /// Output of the process.
    Said(String),
}

/// The system calls of a process, in the order in which they ended.
#[derive(Debug)]
pub(super) struct Calls {
    root: PathBuf,
    calls: Vec<Call>,
    names: HashMap<PathBuf, File>,
    files: usize,
    /// The position in each open file, and whether it is always the end.
    positions: HashMap<String, (u64, bool)>,
    lengths: HashMap<File, u64>,
}

impl Calls {
    /// Reads the calls that concern a folder, whose path is left out.
    pub(super) fn parse(output: &str, root: &Path) -> Self {
        let mut calls = Self {
            root: root.to_owned(),
            calls: Vec::new(),
            names: HashMap::new(),
            files: 0,
            positions: HashMap::new(),
            lengths: HashMap::new(),
        };
        // Calls of one thread during which another thread made some.
        let mut begun: HashMap<&str, (String, usize)> = HashMap::new();
        for line in output.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, (start.to_owned(), calls.calls.len()));
                calls.say(start);
            } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
                let (start, at) = begun.remove(thread).expect("a call begins before it ends");
                calls.add(&(start + end), at);
            } else {
                let at = calls.calls.len();
                calls.say(rest);
                calls.add(rest, at);
            }
        }
        calls
    }

    pub(super) fn all(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Adds output, which others see before the call ends.
    fn say(&mut self, call: &str) {
        if let Some(rest) = call.strip_prefix("write(1<") {
            let text = strings(rest).into_iter().next().unwrap_or_default();
            self.calls.push(Call::Said(String::from_utf8_lossy(&text).into_owned()));
        }
    }

    fn add(&mut self, call: &str, begun: usize) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once("= ") else { return };
        let arguments = arguments.trim_end().trim_end_matches(')');
        let digits = result.find(|c: char| !c.is_ascii_digit()).unwrap_or(result.len());
        // Others have failed.
        let Ok(value) = result[..digits].parse::<u64>() else { return };
        let words: Vec<&str> = arguments.split(", ").collect();
        let number = |at: usize| words[at].parse::<u64>().expect("strace prints numbers");
        let (descriptor, path) = descriptor(words[0]);
        let path = path.and_then(|path| self.inside(&path));
        let file = path.as_ref().and_then(|path| self.names.get(path)).copied();
        match name {
            "open" | "openat" | "creat" => self.open(call, result, &result[..digits]),
            "lseek" => self.positions.entry(descriptor).or_default().0 = value,
            "write" | "writev" => {
                let Some(file) = file else { return };
                let (at, appends) = self.positions.get(&descriptor).copied().unwrap_or_default();
                let at = if appends { self.lengths[&file] } else { at };
                self.positions.insert(descriptor, (at + value, appends));
                self.write(file, at, strings(arguments).concat(), value);
            }
            "pwrite64" => {
                let Some(file) = file else { return };
                self.write(file, number(3), strings(arguments).concat(), value);
            }
            "ftruncate" => self.set_length(file, number(1)),
            "fallocate" => {
                let length = file.map_or(0, |file| self.lengths[&file]);
                self.set_length(file, length.max(number(2) + number(3)));
            }
            "fsync" | "fdatasync" => match (file, path) {
                (Some(file), _) => self.calls.push(Call::SyncFile(file, begun)),
                (None, Some(path)) => self.calls.push(Call::SyncFolder(path, begun)),
                (None, None) => {}
            },
            "mkdir" | "mkdirat" => {
                self.paths(arguments).into_iter().for_each(|path| self.calls.push(Call::CreateFolder(path)))
            }
            "unlink" | "unlinkat" | "rmdir" => {
                for path in self.paths(arguments) {
                    self.names.remove(&path);
                    self.calls.push(Call::Remove(path));
                }
            }
            "rename" | "renameat" | "renameat2" => self.rename(&self.paths(arguments)),
            _ => assert!(self.paths(arguments).is_empty() && file.is_none(), "no simulation of {name}"),
        }
    }

    fn open(&mut self, call: &str, result: &str, descriptor: &str) {
        let Some(path) = self::descriptor(result).1.and_then(|path| self.inside(&path)) else {
            self.positions.remove(descriptor);
            return;
        };
        self.positions.insert(descriptor.to_owned(), (0, call.contains("O_APPEND")));
        if call.contains("O_CREAT") && !self.names.contains_key(&path) {
            self.names.insert(path.clone(), self.files);
            self.lengths.insert(self.files, 0);
            self.calls.push(Call::Create(path.clone(), self.files));
            self.files += 1;
        }
        if call.contains("O_TRUNC") {
            let file = self.names.get(&path).copied();
            self.set_length(file, 0);
        }
    }

    fn write(&mut self, file: File, at: u64, mut data: Vec<u8>, length: u64) {
        data.truncate(length as usize);
        let end = self.lengths.entry(file).or_default();
        *end = (*end).max(at + length);
        self.calls.push(Call::Write(file, at, data));
    }

    fn set_length(&mut self, file: Option<File>, length: u64) {
        if let Some(file) = file {
            self.lengths.insert(file, length);
            self.calls.push(Call::Length(file, length));
        }
    }

    fn rename(&mut self, paths: &[PathBuf]) {
        let [from, to] = paths else { return };
        self.names.remove(to);
        let names = std::mem::take(&mut self.names).into_iter();
        self.names = names.map(|(path, file)| (renamed(path, from, to), file)).collect();
        self.calls.push(Call::Rename(from.clone(), to.clone()));
    }

    /// Returns the paths in a call's arguments that are within the folder.
    fn paths(&self, arguments: &str) -> Vec<PathBuf> {
        let mut folder = PathBuf::new();
        let mut paths = Vec::new();
        for word in arguments.split(", ") {
            if word.starts_with('"') {
                paths.extend(self.inside(&folder.join(path(strings(word).concat()))));
            } else if let Some(found) = descriptor(word).1 {
                folder = found;
            }
        }
        paths
    }

    /// Returns a path within the folder. SQLite's index of its log is made anew when it is opened.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let path = path.strip_prefix(&self.root).ok()?;
        (!path.to_string_lossy().ends_with("-shm")).then(|| path.to_owned())
    }
}

/// Returns a path after a rename of it, of a folder that it is in, or of something else.
pub(super) fn renamed(path: PathBuf, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
        Ok(rest) => to.join(rest),
        Err(_) => path,
    }
}

/// Splits `5<\x2f…>` into the descriptor and its path.
fn descriptor(word: &str) -> (String, Option<PathBuf>) {
    let Some((number, rest)) = word.split_once('<') else { return (word.to_owned(), None) };
    let shown = rest.split('>').next().unwrap_or_default();
    (number.to_owned(), Some(path(unescaped(shown))))
}

fn path(bytes: Vec<u8>) -> PathBuf {
    std::ffi::OsString::from_vec(bytes).into()
}

/// Returns the strings in a call's arguments.
fn strings(arguments: &str) -> Vec<Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).map(unescaped).collect()
}

/// Reads `\x2f\x74`.
fn unescaped(text: &str) -> Vec<u8> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).expect("strace prints hexadecimal digits");
    text.split("\\x").skip(1).map(|digits| byte(&digits[..2])).collect()
}
