//! What is left unread of a request's body, kept until its response is sent.
//!
//! The server under us looks at it when the response is on its way: a body that is still held and not at its end closes
//! the connection, after a short linger; a chunked one that was dropped is read on to its end, which may never come.
//! So whatever a handler leaves of a body goes along with the response.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use futures_util::Stream;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A hold on a request's body, beside the handler's.
#[derive(Clone)]
pub(super) struct Unread(Rc<RefCell<Payload>>);

impl Unread {
    /// Takes hold; nothing when the request has no body.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        match request.take_payload() {
            Payload::None => None,
            payload => {
                let unread = Self(Rc::new(RefCell::new(payload)));
                request.set_payload(Payload::Stream { payload: Box::pin(unread.clone()) });
                Some(unread)
            }
        }
    }
}

impl Stream for Unread {
    type Item = Result<web::Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// Lets what is unread go along with a response.
pub(super) fn send_along(response: HttpResponse, unread: Option<Unread>) -> HttpResponse {
    match unread {
        None => response,
        Some(unread) => response.map_body(|_, body| BoxBody::new(Accompanied { body, _unread: unread })),
    }
}

struct Accompanied {
    body: BoxBody,
    _unread: Unread,
}

impl MessageBody for Accompanied {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx).map_err(Into::into)
    }
}
