//! A check of fjall's manifests, which fjall itself does not make.
//!
//! A manifest lists a keyspace's files. fjall reads lengths from it and allocates that much memory
//! at once, so that one damaged byte can abort the process. Its checksum is beside it, in a file
//! named `current`:
//!
//! ```text
//! at   bytes
//!  0     8   number of the manifest, whose name is `v` and this number, little-endian
//!  8    16   xxh3 of the manifest, 128 bits, little-endian
//! 24     1   0 for this kind of checksum
//! ```

use std::fs;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

const KEYSPACES: &str = "keyspaces";
const CURRENT: &str = "current";

/// Returns whether all manifests in an engine's folder are undamaged. One of an unknown form is
/// left to fjall.
pub(crate) fn are_sound(engine: &Path) -> io::Result<bool> {
    for keyspace in fs::read_dir(engine.join(KEYSPACES))? {
        if !is_sound(&keyspace?.path())? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_sound(keyspace: &Path) -> io::Result<bool> {
    let current = match fs::read(keyspace.join(CURRENT)) {
        Ok(current) => current,
        // A keyspace whose creation was interrupted has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let (Some(number), Some(checksum), [_, .., 0]) = (word(&current, 0), word(&current, 8), &*current) else {
        return Ok(true);
    };
    if current.len() != 25 {
        return Ok(true);
    }
    let manifest = match fs::read(keyspace.join(format!("v{}", u64::from_le_bytes(number)))) {
        Ok(manifest) => manifest,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(xxh3_128(&manifest) == u128::from_le_bytes(checksum))
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
