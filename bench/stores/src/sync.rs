//! The speed of the disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Prints how many small durable appends to a file are possible per second.
pub(crate) fn run(folder: &str, time: Duration) {
    let path = Path::new(folder).join("appended");
    let mut file = File::create(&path).expect("the file can be made");
    let (mut appended, begin) = (0_u32, Instant::now());
    while begin.elapsed() < time {
        file.write_all(&[1; 256]).and_then(|()| file.sync_data()).expect("the disk has room");
        appended += 1;
    }
    println!("{:.0}", f64::from(appended) / begin.elapsed().as_secs_f64());
    fs::remove_file(path).expect("the file is ours");
}
