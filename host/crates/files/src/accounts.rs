//! The members of groups, from `/etc/passwd` and `/etc/group`. Users of a directory service are not looked up.

/// The accounts of this machine or container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    /// The name, the user id and the primary group of each user.
    users: Vec<(String, u32, u32)>,
    /// The id of each group, and the names of its members.
    groups: Vec<(u32, Vec<String>)>,
}

impl Accounts {
    /// Reads both files. A file that is missing, as in small container images, counts as empty.
    pub(crate) fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/etc/passwd"), &read("/etc/group"))
    }

    pub(crate) fn parse(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            Some((name, fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        let groups = group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let id = fields.nth(2)?.parse().ok()?;
            let members = fields.next().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
            Some((id, members.map(str::to_owned).collect()))
        });
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// Returns whether a user other than `user` and root belongs to the group.
    pub(crate) fn has_other_member(&self, group: u32, user: u32) -> bool {
        let is_other = |id: u32| id != user && id != 0;
        let named = self.groups.iter().filter(|(id, _)| *id == group).flat_map(|(_, members)| members);
        let is_other_name = |name: &String| {
            // A member without an account may be a user of a directory service.
            self.users.iter().find(|(known, ..)| known == name).is_none_or(|(_, id, _)| is_other(*id))
        };
        self.users.iter().any(|(_, id, primary)| *primary == group && is_other(*id))
            || named.into_iter().any(is_other_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_shared_if_another_user_has_it_as_primary_or_additional_group() {
        let passwd = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/:/bin/sh\nbob:x:1001:100::/:/bin/sh\nbroken\n";
        let group = "root:x:0:\nusers:x:100:\nops:x:50:ada,bob\nown:x:51:ada\nldap:x:52:ada,eve\n";
        let accounts = Accounts::parse(passwd, group);
        for (group, shared) in [(1000, false), (100, true), (50, true), (51, false), (52, true), (2000, false)] {
            assert_eq!(accounts.has_other_member(group, 1000), shared, "{group}");
        }
        assert!(accounts.has_other_member(1000, 1001), "ada");
    }
}
