//! Limits: attempts, claims, cars, codes, failures, also of many accounts at once.
