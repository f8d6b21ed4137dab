//! The types of the contract that plugins use, selected by hand from the generated bindings.

pub use crate::bindings::component::jackfield::provider::types::{
    Account, AlertTarget, Attachment, Auth, AwsPlace, BasicUser, Capabilities, Choice, Claim, ClaimValue,
    ClientAuthentication, ConnectOutcome, Connected, Connection, CredentialSource, Disconnected, Endpoint, Error,
    Field, FieldKind, FieldValue, Given, HeaderPlace, HmacPlace, InvalidField, JwtAlgorithm, JwtPlace, KeyCoding,
    Manifest, MappingFate, MintedToken, Oauth2Grant, Page, PageRequest, Parameter, Place, RefreshTokens, Report,
    ReportValue, ServiceAccountGrant, SignatureCoding, SignedPart, TimeFormat, TimePlace, UpstreamError, UpstreamFate,
    User,
};
