//! Converts the placement of a credential, including the credentials that sign requests. Nothing is checked here.

use jackfield_core::manifest::{
    AwsPlacement, BasicUser, Claim, ClaimValue, HmacPlacement, JwtAlgorithm, JwtPlacement, KeyEncoding, LiteralOrField,
    Placement, SignatureEncoding, SignedPart, TimeFormat, TimePlacement,
};

use crate::bindings::jackfield::provider::types as wit;

pub(super) fn from_wit_placement(place: wit::Place) -> Placement {
    match place {
        wit::Place::Header(wit::HeaderPlace { name, format }) => Placement::Header { name, format },
        wit::Place::Basic(wit::BasicUser::Literal(user)) => Placement::Basic(BasicUser::Literal(user)),
        wit::Place::Basic(wit::BasicUser::Field(name)) => Placement::Basic(BasicUser::Field(name)),
        wit::Place::Query(key) => Placement::Query(key),
        wit::Place::Form(key) => Placement::Form(key),
        wit::Place::Json(pointer) => Placement::Json(pointer),
        wit::Place::Hmac(place) => Placement::Hmac(HmacPlacement {
            header: place.header.name,
            format: place.header.format,
            key: from_wit_key(place.key),
            parts: place.parts.into_iter().map(from_wit_part).collect(),
            encoding: match place.coding {
                wit::SignatureCoding::Hex => SignatureEncoding::Hex,
                wit::SignatureCoding::Base64 => SignatureEncoding::Base64,
                wit::SignatureCoding::Base64url => SignatureEncoding::Base64Url,
            },
            time: place.time.map(|wit::TimePlace { header, format }| TimePlacement {
                header,
                format: match format {
                    wit::TimeFormat::Seconds => TimeFormat::Seconds,
                    wit::TimeFormat::Milliseconds => TimeFormat::Milliseconds,
                    wit::TimeFormat::Rfc3339 => TimeFormat::Rfc3339,
                },
            }),
        }),
        wit::Place::Aws(place) => Placement::Aws(AwsPlacement {
            access_key: from_wit_given(place.access_key),
            region: from_wit_given(place.region),
            service: place.service,
        }),
        wit::Place::Jwt(place) => Placement::Jwt(JwtPlacement {
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

fn from_wit_key(coding: wit::KeyCoding) -> KeyEncoding {
    match coding {
        wit::KeyCoding::Text => KeyEncoding::Text,
        wit::KeyCoding::Hex => KeyEncoding::Hex,
        wit::KeyCoding::Base64 => KeyEncoding::Base64,
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

fn from_wit_given(given: wit::Given) -> LiteralOrField {
    match given {
        wit::Given::Literal(text) => LiteralOrField::Literal(text),
        wit::Given::Field(name) => LiteralOrField::Field(name),
    }
}
