//! `user`: the people who sign in.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::exit::{CliError, Exit};
use super::{Settings, open, open_existing, say, serve};
use crate::actions::mail;
use crate::actions::organisation::{self, Organisation};
use crate::actions::passwords::{Passwords, known_everywhere};
use crate::actions::people::{self, NewPerson};
use crate::actions::second_factor;
use crate::config::Config;
use crate::domain::access::{Actor, Role, Scope};
use crate::domain::currency::Currency;
use crate::domain::id::{RegionId, RoleId, UserId};
use crate::domain::password::{ALONE, acceptable};
use crate::domain::role::AnyRole;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::regions::Region;
use crate::store::roles::CustomRole;
use crate::store::{Store, people as kept, regions, roles};

/// Arguments of `user`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil user list")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What `user` can do.
#[derive(Subcommand)]
pub enum What {
    /// Add a person; mails them a one-time link with which they choose a password, or prints it where no mail is set
    Create(Create),
    /// List the people, their state and their roles
    List(List),
    /// Stop a person from signing in, and end their sessions
    Suspend(One),
    /// Mail a person a one-time link with which they choose a new password, or print it where no mail is set; their sessions end
    Reset(Reset),
    /// Take a person's second factor away, who has lost phone and recovery codes, and end their sessions
    RemoveFactor(One),
}

/// Arguments of `user create`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    counterfoil user create ana@example.com --name \"Ana Reyes\" --role regional-administrator --region Iberia\n  \
    counterfoil user create ida@example.com --name \"Ida Holm\" --role administrator \\\n    \
    --organisation \"Northwind\" --currency EUR --time-zone Europe/Dublin")]
pub struct Create {
    /// The e-mail address with which the person signs in
    #[arg(value_name = "E-MAIL")]
    pub email: String,
    /// The person's name
    #[arg(long)]
    pub name: String,
    /// The role to give: regional-partner, regional-administrator, finance-controller, auditor, administrator, or one of the organisation's own by its name
    #[arg(long)]
    pub role: String,
    /// The region, by name, id or path ("Europe / Germany"), in whose subtree the role holds; all regions if left out
    #[arg(long)]
    pub region: Option<String>,
    /// Take the password from this file (- is standard input) instead of making a link
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Print the link although mail is set
    #[arg(long)]
    pub print: bool,
    /// On an empty database: the organisation's name, for its first administrator
    #[arg(long, value_name = "NAME", requires = "currency", requires = "time_zone", conflicts_with = "region")]
    pub organisation: Option<String>,
    /// On an empty database: the currency the organisation reports in, such as EUR
    #[arg(long, value_name = "CODE", requires = "organisation", value_parser = currency)]
    pub currency: Option<Currency>,
    /// On an empty database: the organisation's time zone, such as Europe/Dublin
    #[arg(long, value_name = "ZONE", requires = "organisation", value_parser = time_zone)]
    pub time_zone: Option<chrono_tz::Tz>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of `user list`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil user list --database sqlite:rewards.db")]
pub struct List {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of a command about one person.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil user suspend ana@example.com\n  counterfoil user remove-factor ana@example.com")]
pub struct One {
    /// The person's e-mail address
    #[arg(value_name = "E-MAIL")]
    pub email: String,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of `user reset`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil user reset ana@example.com\n  counterfoil user reset ana@example.com --print")]
pub struct Reset {
    /// Whom it is about.
    #[command(flatten)]
    pub one: One,
    /// Print the link although mail is set
    #[arg(long)]
    pub print: bool,
}

/// One of the five roles by its word or by its label.
fn built_in(wanted: &str) -> Option<Role> {
    let same = |role: &&Role| role.label().to_lowercase() == wanted.to_lowercase();
    Role::parse(&wanted.to_lowercase().replace('-', "_")).or_else(|| Role::ALL.iter().find(same).copied())
}

/// A role: one of the five, or one of the organisation's own by its name or id.
async fn role_of(wanted: &str, store: &Store) -> Result<AnyRole, CliError> {
    let wanted = wanted.trim();
    if let Some(role) = built_in(wanted) {
        return Ok(role.into());
    }
    let mut read = store.read().await.map_err(Failure::from)?;
    let own = roles::list(&mut read).await.map_err(Failure::from)?;
    let same = |role: &&CustomRole| role.name.to_lowercase() == wanted.to_lowercase() || RoleId::parse(wanted) == Some(role.id);
    if let Some(role) = own.iter().find(same) {
        return Ok(AnyRole::Custom(role.id));
    }
    let known = Role::ALL.iter().map(|role| role.code().replace('_', "-"));
    let known: Vec<String> = known.chain(own.iter().filter(|role| role.is_active()).map(|role| role.name.clone())).collect();
    Err(CliError::new(Exit::Refused, format!("there is no role {wanted:?}")).hint(format!("the roles are {}", known.join(", "))))
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text).ok_or_else(|| "write the three letters of ISO 4217, such as EUR".to_owned())
}

fn time_zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse().map_err(|_| "write a name of the IANA table, such as Europe/Dublin".to_owned())
}

/// Runs `user`.
///
/// # Errors
/// What the rules refuse (4), and a database that is not there (69).
pub fn run(args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Create(args) => create(args),
        What::List(args) => serve::block_on(list(&Config::load(&args.settings.inputs())?)),
        What::Suspend(args) => about_one(args, |store, _, person| {
            Box::pin(async move {
                let key = store.random.token(16);
                people::suspend(&store, Actor::system("cli"), &key, person.id, true).await?;
                Ok(format!("{} is suspended, and signed out everywhere\n", person.email))
            })
        }),
        What::RemoveFactor(args) => about_one(args, |store, _, person| {
            Box::pin(async move {
                second_factor::remove(&store, Actor::system("cli"), person.id).await?;
                Ok(format!("{} has no second factor any more, and is signed out everywhere\n", person.email))
            })
        }),
        What::Reset(Reset { one, print }) => {
            let print = *print;
            about_one(one, move |store, config, person| {
                Box::pin(async move {
                    people::end_sessions(&store, Actor::system("cli"), person.id).await?;
                    link(&store, &config, &person.email, person.id, print).await
                })
            })
        }
    }
}

fn create(args: &Create) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    let password = args.password_file.as_ref().map(password_of).transpose()?;
    serve::block_on(async {
        let store = if args.organisation.is_some() { open(&config).await? } else { open_existing(&config).await? };
        let added = add(args, &config, &store, password).await;
        store.close().await;
        say(&added?)
    })
}

async fn add(args: &Create, config: &Config, store: &Store, password: Option<String>) -> Result<String, CliError> {
    let password_hash = match password {
        Some(password) => {
            let mut read = store.read().await.map_err(Failure::from)?;
            let known = known_everywhere(&mut read, [&args.name, &args.email]).await.map_err(Failure::from)?;
            drop(read);
            acceptable(&password, ALONE, &known).map_err(Failure::from)?;
            Some(Passwords::new(store.metrics.clone()).refusing(serve::leaked_in(config)?).hash(password).await?)
        }
        None => None,
    };
    let new = NewPerson { email: args.email.clone(), name: args.name.clone(), password_hash, grant: None };
    let actor = Actor::system("cli");
    let region = match (&args.organisation, args.currency, args.time_zone) {
        (Some(name), Some(currency), Some(zone)) => {
            if built_in(args.role.trim()) != Some(Role::Administrator) {
                let said = "the first person of an organisation is its administrator";
                return Err(CliError::new(Exit::Refused, said).hint("give --role administrator"));
            }
            organisation::begin(store, actor.clone(), Organisation { name: name.clone(), currency, time_zone: zone.name().to_owned() })
                .await?
        }
        _ => region_of(args, store).await?,
    };
    let invited = new.password_hash.is_none();
    let new = NewPerson { grant: Some((role_of(&args.role, store).await?, region, None)), ..new };
    let person = people::add(store, actor.clone(), &store.random.token(16), new).await?;
    if !invited {
        return Ok(format!("{} can sign in\n", args.email.trim()));
    }
    Ok(link(store, config, args.email.trim(), person, args.print).await?)
}

async fn region_of(args: &Create, store: &Store) -> Result<RegionId, CliError> {
    let mut read = store.read().await.map_err(Failure::from)?;
    let Some(root) = regions::root(&mut read).await.map_err(Failure::from)? else {
        let hint = "open the link that `counterfoil serve` prints, or give --organisation, --currency and --time-zone here";
        return Err(CliError::new(Exit::Refused, "this database is empty: it has no organisation yet").hint(hint));
    };
    let Some(wanted) = args.region.as_deref().map(str::trim) else { return Ok(root.id) };
    let all = everywhere(&mut read, root.id).await.map_err(Failure::from)?;
    let regions = regions::list(&mut read, &all).await.map_err(Failure::from)?;
    let labels = regions::labels(&regions);
    let label = |region: &Region| labels.get(&region.id).map_or("", String::as_str);
    let same = |name: &str| name.to_lowercase() == wanted.to_lowercase();
    let called = |region: &&Region| same(&region.name) || same(label(region)) || RegionId::parse(wanted) == Some(region.id);
    let found: Vec<&Region> = regions.iter().filter(called).collect();
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => {
            let names: Vec<&str> = regions.iter().map(label).take(40).collect();
            Err(CliError::new(Exit::Refused, format!("there is no region {wanted:?}"))
                .hint(format!("the regions are {}", names.join(", "))))
        }
        several => {
            let each: Vec<String> = several.iter().map(|region| format!("{:?} ({})", label(region), region.id)).collect();
            let said = format!("{} regions are called {wanted:?}", several.len());
            Err(CliError::new(Exit::Refused, said).hint(format!("name it by where it stands, or by its id: {}", each.join(", "))))
        }
    }
}

async fn everywhere(reader: &mut impl Reader, root: RegionId) -> Result<Scope, DbError> {
    Ok(Scope::of(regions::subtree(reader, root).await?, true))
}

fn password_of(file: &PathBuf) -> Result<String, CliError> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| CliError::new(Exit::Failed, format!("the password cannot be read from {}: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Has the link mailed where mail is set, by whichever process serves the portal; else it is in what is printed.
async fn link(store: &Store, config: &Config, email: &str, person: UserId, print: bool) -> Result<String, Failure> {
    if config.smtp.is_some() && !print {
        mail::send_link(store, Actor::system("cli"), person).await?;
        return Ok(format!("A letter with a link to choose a password waits for {email}; `counterfoil serve` sends it\n"));
    }
    let link = people::password_link(store, Actor::system("cli"), person).await?;
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    Ok(format!("{base}/password/{}\nThis link works once, within {}, for {email}\n", link.token, link.within()))
}

type Working = std::pin::Pin<Box<dyn Future<Output = Result<String, Failure>>>>;

fn about_one(args: &One, act: impl FnOnce(Store, Config, kept::Person) -> Working) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    serve::block_on(async {
        let store = open_existing(&config).await?;
        let mut read = store.read().await.map_err(Failure::from)?;
        let person = kept::find_by_email(&mut read, args.email.trim()).await.map_err(Failure::from)?;
        drop(read);
        let done = match person {
            Some(person) => act(store.clone(), config, person).await.map_err(CliError::from),
            None => {
                let said = format!("nobody here has the address {}", args.email.trim());
                Err(CliError::new(Exit::Refused, said).hint("`counterfoil user list` names everybody"))
            }
        };
        store.close().await;
        say(&done?)
    })
}

async fn list(config: &Config) -> Result<(), CliError> {
    let store = open_existing(config).await?;
    let rows = rows(&store).await;
    store.close().await;
    say(&table(&rows.map_err(Failure::from)?))
}

async fn rows(store: &Store) -> Result<Vec<[String; 4]>, DbError> {
    let mut read = store.read().await?;
    let root = regions::root(&mut read).await?;
    let all = match root {
        Some(root) => everywhere(&mut read, root.id).await?,
        None => Scope::of([], true),
    };
    let grants = kept::grants(&mut read, &all, None, store.now()).await?;
    let people = kept::list(&mut read, &all).await?;
    let roles = |person: &kept::Person| {
        let mine = grants.iter().filter(|grant| grant.person_id == person.id);
        mine.map(|grant| format!("{} in {}", grant.role_label(), grant.region_name)).collect::<Vec<_>>().join("; ")
    };
    Ok(people.iter().map(|person| [person.email.clone(), person.name.clone(), person.status.clone(), roles(person)]).collect())
}

fn table(rows: &[[String; 4]]) -> String {
    let heads = ["E-MAIL", "NAME", "STATE", "ROLES"].map(str::to_owned);
    let lines: Vec<&[String; 4]> = std::iter::once(&heads).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let (email, name, state) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| {
        let text = format!("{:email$}  {:name$}  {:state$}  {}", row[0], row[1], row[2], row[3]);
        format!("{}\n", text.trim_end())
    };
    lines.into_iter().map(line).collect()
}
