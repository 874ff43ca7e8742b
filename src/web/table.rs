//! The table of routes while it is written: what is registered is listed with it, so that no address can be asked that the list does not know.
//!
//! Every address is a resource that knows its methods, so that a 405 says which they are.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder, Route};

/// One way of asking one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// How it is asked. What is asked with GET can be asked with HEAD as well.
    pub method: Method,
    /// The address, its changing parts in braces.
    pub path: &'static str,
}

/// The table.
pub(super) struct Table<'c> {
    config: &'c mut ServiceConfig,
    listed: Vec<Listed>,
}

impl<'c> Table<'c> {
    pub(super) fn on(config: &'c mut ServiceConfig) -> Self {
        Self { config, listed: Vec::new() }
    }

    /// An address that is asked in one way.
    pub(super) fn route(&mut self, path: &'static str, asked: Asked) -> &mut Self {
        self.service(resource(path).route(asked))
    }

    /// An address that is asked in several.
    pub(super) fn service(&mut self, place: Place) -> &mut Self {
        self.config.service(place.resource);
        self.listed.extend(place.listed);
        self
    }

    /// What was registered, in order.
    pub(super) fn listed(self) -> Vec<Listed> {
        self.listed
    }
}

/// A way of asking with what answers it.
pub(super) struct Asked {
    method: Method,
    route: Route,
}

pub(super) fn get() -> Asked {
    Asked { method: Method::GET, route: web::get() }
}

pub(super) fn post() -> Asked {
    Asked { method: Method::POST, route: web::post() }
}

impl Asked {
    pub(super) fn to<F, A>(self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self { route: self.route.to(handler), ..self }
    }
}

/// An address with the ways of asking it.
pub(super) struct Place {
    path: &'static str,
    resource: Resource,
    listed: Vec<Listed>,
}

pub(super) fn resource(path: &'static str) -> Place {
    Place { path, resource: web::resource(path), listed: Vec::new() }
}

impl Place {
    pub(super) fn route(mut self, asked: Asked) -> Self {
        self.listed.push(Listed { method: asked.method, path: self.path });
        Self { resource: self.resource.route(asked.route), ..self }
    }
}
