//! Makes broken bytes whole, so that the fuzzer reaches what lies behind the checksums.

/// Corrects the checksum of a file's header, and those of whatever looks like a piece: `magic`, and
/// a checksum behind `head` bytes over these and the content, whose length stands at byte 4.
pub fn make_whole(bytes: &mut [u8], header: usize, magic: &[u8], head: usize) {
    if let Some(front) = bytes.get(..header) {
        let crc = crc32c::crc32c(front).to_le_bytes();
        if let Some(place) = bytes.get_mut(header..header + 4) {
            place.copy_from_slice(&crc);
        }
    }
    for at in (header + 8..bytes.len()).step_by(8) {
        let Some(piece) = bytes.get_mut(at..).filter(|piece| piece.starts_with(magic)) else {
            continue;
        };
        let length = piece.get(4..8).map(|it| u32::from_le_bytes(it.try_into().unwrap()) as usize);
        let content = length.and_then(|length| piece.get(head + 4..head + 4 + length));
        let Some(content) = content else { continue };
        let crc = crc32c::crc32c_append(crc32c::crc32c(&piece[..head]), content);
        piece[head..head + 4].copy_from_slice(&crc.to_le_bytes());
    }
}
