//! Who is who on this machine: from user ids to names.

use std::fs;

use crate::event::Sender;

/// The user the daemon runs as.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its user id.
    pub uid: u32,
    /// Its name in events: the configured one, else the login name.
    pub name: String,
}

impl Owner {
    /// The user of this process, under the configured name if there is one.
    #[must_use]
    pub fn of_process(configured: Option<String>) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self { uid, name: configured.unwrap_or_else(|| login(uid)) }
    }

    /// What a peer of the unix socket, or the owner of a drop file, may say.
    #[must_use]
    pub fn sender(&self, uid: u32) -> Sender {
        if uid == self.uid {
            Sender::Owner { name: self.name.clone() }
        } else if uid == 0 {
            Sender::Owner { name: login(0) }
        } else {
            Sender::Peer { login: login(uid) }
        }
    }
}

/// The login name of a user id, as `/etc/passwd` has it; `uid-1000` for one it has not.
///
/// Directory services are not asked: that would mean code the C library loads at run time.
#[must_use]
pub fn login(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    login_in(&passwd, uid).unwrap_or_else(|| format!("uid-{uid}"))
}

fn login_in(passwd: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(uid.as_str())).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_passwd() {
        let passwd = "root:x:0:0:root:/:/bin/sh\n\nana:x:1000:1000::/srv/ana:/bin/sh\n";
        assert_eq!(login_in(passwd, 1000).as_deref(), Some("ana"));
        assert_eq!(login_in(passwd, 0).as_deref(), Some("root"));
        assert_eq!(login_in(passwd, 100), None);
    }

    #[test]
    fn only_oneself_and_root_are_owners() {
        let owner = Owner { uid: 4242, name: "ana".to_owned() };
        assert_eq!(owner.sender(4242), Sender::Owner { name: "ana".to_owned() });
        assert!(matches!(owner.sender(0), Sender::Owner { .. }));
        assert_eq!(owner.sender(4243), Sender::Peer { login: "uid-4243".to_owned() });
    }
}
