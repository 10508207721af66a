//! Ids, as paths and answers have them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vestibule_approve::{
    frames::{Id, Policy},
    rules,
    signed::{Rid, Uid},
};

/// Id of a room: the hash of its public key, in base64url
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "TG4n0hbSJVVTS2RBYJ2cU1JcdKcKDKoMCKpVlAdsXxA")]
pub(super) struct RoomId(pub(super) Rid);

/// Id of a user: the hash of their public key, in base64url
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "Zx3nL3ycWlDlsCvwwoHLHRtMHqkbbHVHDm6mBmkxLSA")]
pub(super) struct UserId(pub(super) Uid);

/// Random id that a client chose, of a request or a device, in base64url
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{21}[AQgw]$", example = "5Hq7xkVcQ2mXw1kGm8b0Zw")]
pub(super) struct DrawnId(pub(super) Id);

/// How newcomers get a room's key
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoomPolicy {
    /// Members' clients approve every request by themselves
    Open,
    /// A member approves or denies each request
    Request,
    /// As `request`, and the server does not reveal whether the room exists
    Secret,
}

/// State of a request
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RequestState {
    /// No member has approved it yet
    Pending,
    /// Approved, but not yet acked by the newcomer
    Approved,
    /// The newcomer has the key
    Done,
    /// A member denied it
    Denied,
    /// The newcomer withdrew it
    Withdrawn,
    /// It expired
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
