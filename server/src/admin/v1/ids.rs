//! Ids, as paths and answers have them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vestibule_approve::{
    frames::{Id, Policy},
    rules,
    signed::{Rid, Uid},
};

/// A room's id: the hash of its public key, in base64url
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "TG4n0hbSJVVTS2RBYJ2cU1JcdKcKDKoMCKpVlAdsXxA")]
pub(super) struct RoomId(pub(super) Rid);

/// A user's id: the hash of their public key, in base64url
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "Zx3nL3ycWlDlsCvwwoHLHRtMHqkbbHVHDm6mBmkxLSA")]
pub(super) struct UserId(pub(super) Uid);

/// An id that a client has drawn, of a request or a device, in base64url
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{21}[AQgw]$", example = "5Hq7xkVcQ2mXw1kGm8b0Zw")]
pub(super) struct DrawnId(pub(super) Id);

/// Who gets a room's key
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoomPolicy {
    /// Whoever asks
    Open,
    /// Whom a member approves
    Request,
    /// As `request`, and the room is shown to nobody
    Secret,
}

/// Where a request stands
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RequestState {
    /// Nobody has approved it yet
    Pending,
    /// Approved, and not yet saved by the newcomer
    Approved,
    /// The newcomer has the key
    Done,
    /// A member said no
    Denied,
    /// The newcomer took it back
    Withdrawn,
    /// Its time is over
    Expired,
}

/// Two enums of the same names, to and fro.
macro_rules! same_names {
    ($here:ident, $there:path: $($name:ident),+) => {
        impl From<$there> for $here {
            fn from(value: $there) -> Self {
                use $there as There;
                match value { $(There::$name => Self::$name),+ }
            }
        }

        impl From<$here> for $there {
            fn from(value: $here) -> Self {
                match value { $($here::$name => Self::$name),+ }
            }
        }
    };
}

same_names!(RoomPolicy, Policy: Open, Request, Secret);
same_names!(RequestState, rules::RequestState: Pending, Approved, Done, Denied, Withdrawn, Expired);
