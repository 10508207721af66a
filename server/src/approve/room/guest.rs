//! What anybody may send, beside the proof of having the room's key: a request for it.

use vestibule_approve::{
    frames::Request,
    items::RequestItem,
    refusal::{Reason, Refusal},
    rules::{Change, Command, RequestState},
};
use vestibule_channels::channel::{Context, HandleResult};
use vestibule_store::{Content, clock, pack};

use super::{KeyRoom, Visit};
use crate::approve::{identity, notifications::MemberUpdate};

impl KeyRoom {
    pub(super) fn request(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        request: Request,
    ) -> Result<HandleResult, Refusal> {
        let (rid, uid) = (visit.rid, visit.caller.uid);
        let device = self.visitors.get(&visit.to.member).ok_or(Reason::Unauthorized)?.recipient.device;
        let digest = request.check(&rid, &uid, &self.flow.terms.limits, clock::now_ms())?.digest;
        self.flow.requests.admit(identity::address_of(cx, visit.to.member)).map_err(|wait| {
            Reason::RateLimited.retry_after(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1))
        })?;
        let command = Command::Request {
            request_id: request.request_id,
            device,
            box_hash: request.box_hash(),
            digest,
            exp: request.exp,
        };
        let content = Content::Frame(pack(&request));
        Ok(self.carry_out(cx, visit, command, content, move |room, cx, committed| {
            if committed.decision.change == Some(Change::AddRequest) {
                let state = RequestState::Pending;
                let (created, seq) = (committed.at, committed.seq);
                let item = RequestItem { rid, uid, request, state, created, seq, approvals: 0 };
                room.announce(cx, &MemberUpdate::Request { item, seq });
            }
        }))
    }
}
