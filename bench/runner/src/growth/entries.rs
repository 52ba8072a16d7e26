//! A growing number of keys in a session, and longer values.

use std::path::Path;

use super::{command, numbers};
use crate::Outcome;
use crate::plot::{Line, Plot, Scale, short};
use crate::table::Table;
use crate::valgrind::{of_one, two_at_a_time};

const KEYS: [u64; 5] = [3, 10, 30, 100, 200];
const BYTES_OF_KEYS: u64 = 16;
/// Length of three values; the fourth key has a number.
const BYTES: [u64; 4] = [16, 256, 4096, 16_384];
const KEYS_OF_BYTES: u64 = 4;

const TIMES: u64 = 1000;
const WHAT: [&str; 3] = ["read", "read-number", "write-number"];
const NAMES: [&str; 3] = ["read one of them", "read the number", "increment the number"];

/// Setting that stops glibc from copying with `rep movsb`, which valgrind counts per byte.
const COPY_BY_VECTORS: &str = "glibc.cpu.x86_rep_movsb_threshold=1000000000";

/// A shape of a session, and the cost of a request to it.
struct Shape {
    keys: u64,
    bytes: u64,
    counts: [f64; 3],
    times: [f64; 3],
}

pub(crate) fn run(program: &Path) -> Outcome<String> {
    let of_keys = shapes(program, KEYS.map(|keys| (keys, BYTES_OF_KEYS)).as_slice())?;
    let of_bytes = shapes(program, BYTES.map(|bytes| (KEYS_OF_BYTES, bytes)).as_slice())?;
    let keys = Plot {
        title: "A request as a session's keys grow in number",
        x: "keys in the session",
        y: "instructions",
        scale: Scale::Linear,
        ticks: KEYS.map(|keys| (keys as f64, keys.to_string())).to_vec(),
        lines: lines(&of_keys, |shape| shape.keys),
    };
    let bytes = Plot {
        title: "A request as a session's values grow in length",
        x: "length of each of three values",
        y: "instructions",
        scale: Scale::Linear,
        ticks: BYTES.map(|bytes| (bytes as f64, length(bytes))).to_vec(),
        lines: lines(&of_bytes, |shape| shape.bytes),
    };
    Ok(format!(
        "{}\nA read decodes only the value that it asks for. A commit copies the whole record.\n\n{}\n{}\n{}",
        table("keys of 16 bytes, and a number among them", &of_keys, |shape| shape.keys.to_string()),
        keys.write("keys")?,
        table("three values of, and a number", &of_bytes, |shape| length(shape.bytes)),
        bytes.write("values")?
    ))
}

fn length(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024) }
}

fn shapes(program: &Path, shapes: &[(u64, u64)]) -> Outcome<Vec<Shape>> {
    let jobs: Vec<_> = shapes.iter().flat_map(|shape| WHAT.map(|what| (what, *shape))).collect();
    let counts = two_at_a_time(&jobs, |(what, (keys, bytes))| {
        let shape = [keys.to_string(), bytes.to_string()];
        let walk = |times: u64| {
            let mut walk = command(program, &["walk-entries", what, &shape[0], &shape[1], &times.to_string()]);
            walk.env("GLIBC_TUNABLES", COPY_BY_VECTORS);
            walk
        };
        of_one(TIMES, walk).map(|count| count as f64).map_err(|error| error.to_string())
    });
    let counts = counts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut all = Vec::new();
    for ((keys, bytes), counts) in shapes.iter().zip(counts.chunks_exact(WHAT.len())) {
        let times = numbers(program, &["entries", &keys.to_string(), &bytes.to_string()])?;
        all.push(Shape { keys: *keys, bytes: *bytes, counts: [counts[0], counts[1], counts[2]], times });
    }
    Ok(all)
}

fn table(corner: &str, shapes: &[Shape], name: impl Fn(&Shape) -> String) -> String {
    let columns = NAMES.map(|name| [format!("{name}: instructions"), "ns".to_owned()]).concat();
    let mut table = Table::new(corner, &columns.iter().map(String::as_str).collect::<Vec<_>>());
    for shape in shapes {
        let cell = |place: usize| [Some(short(shape.counts[place])), Some(short(shape.times[place]))];
        let [[a, b], [c, d], [e, f]] = [cell(0), cell(1), cell(2)];
        table.row(&name(shape), [a, b, c, d, e, f]);
    }
    table.to_string()
}

fn lines(shapes: &[Shape], x: impl Fn(&Shape) -> u64) -> Vec<Line<'static>> {
    let line = |place: usize| {
        let points = shapes.iter().map(|shape| (x(shape) as f64, shape.counts[place])).collect();
        Line { name: NAMES[place], points }
    };
    (0..NAMES.len()).map(line).collect()
}
