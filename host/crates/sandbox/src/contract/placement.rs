//! Converts the placement of a credential, including the credentials that sign requests. Nothing is checked here.

use jackfield_core::manifest::{
    AwsPlace, BasicUser, Claim, ClaimValue, Given, HmacPlace, JwtAlgorithm, JwtPlace, KeyCoding, Place,
    SignatureCoding, SignedPart, TimeFormat, TimePlace,
};

use crate::bindings::jackfield::provider::types as wit;

pub(super) fn from_wit_placement(place: wit::Place) -> Place {
    match place {
        wit::Place::Header(wit::HeaderPlace { name, format }) => Place::Header { name, format },
        wit::Place::Basic(wit::BasicUser::Literal(user)) => Place::Basic(BasicUser::Literal(user)),
        wit::Place::Basic(wit::BasicUser::Field(name)) => Place::Basic(BasicUser::Field(name)),
        wit::Place::Query(key) => Place::Query(key),
        wit::Place::Form(key) => Place::Form(key),
        wit::Place::Json(pointer) => Place::Json(pointer),
        wit::Place::Hmac(place) => Place::Hmac(HmacPlace {
            header: place.header.name,
            format: place.header.format,
            key: from_wit_key(place.key),
            parts: place.parts.into_iter().map(from_wit_part).collect(),
            coding: match place.coding {
                wit::SignatureCoding::Hex => SignatureCoding::Hex,
                wit::SignatureCoding::Base64 => SignatureCoding::Base64,
                wit::SignatureCoding::Base64url => SignatureCoding::Base64Url,
            },
            time: place.time.map(|wit::TimePlace { header, format }| TimePlace {
                header,
                format: match format {
                    wit::TimeFormat::Seconds => TimeFormat::Seconds,
                    wit::TimeFormat::Milliseconds => TimeFormat::Milliseconds,
                    wit::TimeFormat::Rfc3339 => TimeFormat::Rfc3339,
                },
            }),
        }),
        wit::Place::Aws(place) => Place::Aws(AwsPlace {
            access_key: from_wit_given(place.access_key),
            region: from_wit_given(place.region),
            service: place.service,
        }),
        wit::Place::Jwt(place) => Place::Jwt(JwtPlace {
            header: place.header.name,
            format: place.header.format,
            algorithm: match place.algorithm {
                wit::JwtAlgorithm::Hs256 => JwtAlgorithm::Hs256,
                wit::JwtAlgorithm::Rs256 => JwtAlgorithm::Rs256,
                wit::JwtAlgorithm::Es256 => JwtAlgorithm::Es256,
            },
            key: from_wit_key(place.key),
            key_id: place.key_id.map(from_wit_given),
            claims: place.claims.into_iter().map(from_wit_claim).collect(),
            lifetime: place.lifetime,
        }),
    }
}

fn from_wit_key(coding: wit::KeyCoding) -> KeyCoding {
    match coding {
        wit::KeyCoding::Text => KeyCoding::Text,
        wit::KeyCoding::Hex => KeyCoding::Hex,
        wit::KeyCoding::Base64 => KeyCoding::Base64,
    }
}

fn from_wit_part(part: wit::SignedPart) -> SignedPart {
    match part {
        wit::SignedPart::Text(text) => SignedPart::Text(text),
        wit::SignedPart::Method => SignedPart::Method,
        wit::SignedPart::Host => SignedPart::Host,
        wit::SignedPart::Path => SignedPart::Path,
        wit::SignedPart::Query => SignedPart::Query,
        wit::SignedPart::Time => SignedPart::Time,
        wit::SignedPart::Header(name) => SignedPart::Header(name),
        wit::SignedPart::Field(name) => SignedPart::Field(name),
        wit::SignedPart::Body => SignedPart::Body,
        wit::SignedPart::BodySha256 => SignedPart::BodySha256,
    }
}

fn from_wit_claim(claim: wit::Claim) -> Claim {
    let value = match claim.value {
        wit::ClaimValue::Literal(text) => ClaimValue::Literal(text),
        wit::ClaimValue::Field(name) => ClaimValue::Field(name),
        wit::ClaimValue::Random => ClaimValue::Random,
    };
    Claim { name: claim.name, value }
}

fn from_wit_given(given: wit::Given) -> Given {
    match given {
        wit::Given::Literal(text) => Given::Literal(text),
        wit::Given::Field(name) => Given::Field(name),
    }
}
