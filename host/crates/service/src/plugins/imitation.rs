//! Finds plugins that look like another plugin, by id or title. Pure.

use jackfield_sandbox::looks_like;

/// The id and the title of a plugin, as people see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginName {
    pub(super) id: String,
    pub(super) title: String,
}

impl PluginName {
    /// Returns which of these plugins it looks like, as words about it; `None` if it looks like none.
    ///
    /// A plugin does not imitate itself.
    pub(super) fn find_imitation(&self, others: &[Self]) -> Option<String> {
        others.iter().filter(|other| other.id != self.id).find_map(|other| {
            let part = if looks_like(&self.id, &other.id) {
                "id"
            } else if looks_like(&self.title, &other.title) {
                "title"
            } else {
                return None;
            };
            Some(format!("its {part} looks like that of `{}`", other.id))
        })
    }
}
