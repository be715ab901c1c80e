//! bellglass
