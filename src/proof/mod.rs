//! What has to be shown before anything is destroyed, without a word to the product.

pub mod continuity;
