//! Which way a list goes.

/// In which direction time goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

impl Order {
    /// Whether `a` comes before `b` in this order.
    pub(super) fn is_before<T: Ord + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Newest => b < a,
            Self::Oldest => a < b,
        }
    }

    pub(super) fn reverse(self) -> Self {
        match self {
            Self::Newest => Self::Oldest,
            Self::Oldest => Self::Newest,
        }
    }
}
