//! Password hashing: Argon2id, away from the async threads, at most one hash per core at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::id::UserId;
use crate::domain::password::{ALONE, Known, WITH_SECOND_FACTOR, leaked};
use crate::domain::password_leaks::Leaked;
use crate::metrics::Metrics;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::{people, regions, second_factor, settings};

/// OWASP's parameters for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// How many may wait for their turn; past that the answer is "busy".
const WAITING_MOST: i64 = 64;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    leaked: Arc<Leaked>,
}

fn argon2() -> Argon2<'static> {
    // The parameters are constants that the library accepts; were they not, its own defaults are the same ones.
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Result<String, Failure> {
    let hash = argon2().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| DbError::Broken(format!("a password cannot be hashed: {error}")).into())
}

impl Passwords {
    /// With as many turns as the machine has cores.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { turns: Arc::new(Semaphore::new(cores)), metrics, leaked: Arc::default() }
    }

    /// The same with a list of passwords that leaked: none of them is hashed.
    #[must_use]
    pub fn refusing(self, leaked: Arc<Leaked>) -> Self {
        Self { leaked, ..self }
    }

    /// A new hash in PHC form. Whatever becomes somebody's password comes through here, so this is where the operator's list is asked.
    ///
    /// # Errors
    /// [`Failure::Refused`] at the field `password` for one that leaked, [`Failure::Queue`] where too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Failure> {
        if self.leaked.has(&password) {
            return Err(leaked().into());
        }
        self.in_turn(move || hash_now(&password)).await?
    }

    /// Whether the password is the one that was hashed. With `None` it takes as long, and is not.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Failure> {
        self.in_turn(move || match hash {
            Some(hash) => {
                let parsed = argon2::PasswordHash::new(&hash);
                parsed.is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
            }
            // To verify is to hash again and compare: a hash that is thrown away is the same work.
            None => {
                drop(std::hint::black_box(hash_now(&password)));
                false
            }
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        if self.metrics.password_hash_waiting.inc() >= WAITING_MOST {
            self.metrics.password_hash_waiting.dec();
            return Err(Failure::Queue);
        }
        let turn = self.turns.clone().acquire_owned().await;
        self.metrics.password_hash_waiting.dec();
        let turn = turn.map_err(|_| Failure::Queue)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| DbError::Broken("hashing a password was interrupted".into()).into())
    }
}

/// How many characters a person's password has at least: fewer beside a second factor.
pub async fn least_for(reader: &mut impl Reader, person: UserId) -> Result<usize, DbError> {
    let has_factor = second_factor::find(reader, person).await?.is_some();
    Ok(if has_factor { WITH_SECOND_FACTOR } else { ALONE })
}

/// The names that a person's password is not made of: her own, the organisation's, and those of the regions where she holds a role and below
/// them. Not of all regions: whoever tries passwords would learn which there are.
pub async fn known_to(reader: &mut impl Reader, person: UserId) -> Result<Known, DbError> {
    let mut names = vec![settings::get(reader, settings::ORGANISATION).await?.unwrap_or_default()];
    if let Some(person) = people::find(reader, person).await? {
        names.extend([person.name, person.email]);
    }
    names.extend(regions::names_held(reader, person).await?);
    Ok(Known::of(names.iter().map(String::as_str)))
}

/// The same for whoever runs the command line, where every region may be named: with all of them, and with what is told of the person.
pub async fn known_everywhere(reader: &mut impl Reader, told: [&str; 2]) -> Result<Known, DbError> {
    let mut names = vec![settings::get(reader, settings::ORGANISATION).await?.unwrap_or_default()];
    names.extend(regions::names_all(reader).await?);
    Ok(Known::of(names.iter().map(String::as_str).chain(told)))
}
