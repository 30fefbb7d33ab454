//! Whose process is at the other end of a connection on this machine, as `/proc/net/tcp` says (proc(5)).

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The user whose socket is connected from `remote` to `local`; none where it is on another machine, or
/// in a network of its own.
pub(super) fn at_other_end(remote: SocketAddr, local: SocketAddr) -> Option<u32> {
    // A socket for both families names an IPv4 address within an IPv6 one; the other end does not.
    let plain = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
    let (remote, local) = (plain(remote), plain(local));
    let table = if remote.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    find(&fs::read_to_string(table).ok()?, remote, local)
}

fn find(table: &str, from: SocketAddr, to: SocketAddr) -> Option<u32> {
    let (from, to) = (written(from), written(to));
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next()? == from && fields.next()? == to;
        // Between them stand its state, queues, timer and retries.
        if is_it { fields.nth(4)?.parse().ok() } else { None }
    })
}

/// An address as the kernel writes it: each four bytes as one number of this machine, then the port.
fn written(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (words, _) = bytes.as_chunks();
    let words: Vec<String> =
        words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect();
    format!("{}:{:04X}", words.concat(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_of_ours_is_ours() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Not every machine has IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (remote, local) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let us = rustix::process::geteuid().as_raw();
            assert_eq!(at_other_end(remote, local), Some(us), "{address}");
            assert_eq!(at_other_end(remote, "127.0.0.1:1".parse().unwrap()), None);
            let mapped = |at: SocketAddr| match at.ip() {
                IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), at.port()),
                IpAddr::V6(_) => at,
            };
            assert_eq!(at_other_end(mapped(remote), mapped(local)), Some(us), "{address}");
        }
    }
}
