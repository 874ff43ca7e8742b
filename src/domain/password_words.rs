//! What guessing begins with: words, small words, and rows of keys. Chosen by us from what lists of leaked passwords are known to be full of.

/// Common words, names and places, folded.
pub const WORDS: &str = "
password passwort passphrase passcode motdepasse contrasena senha parola haslo heslo losenord wachtwoord salasana geheim secret secreto segredo
welcome willkommen bienvenue bienvenido benvenuto letmein access admin administrator root user guest login signin logon master manager default
change changeme temp temporary test testing tester demo example sample trial start begin initial first new internet computer laptop server system
network windows linux apple google android microsoft oracle database support helpdesk service office outlook excel teams portal website online
reward rewards budget budgets voucher vouchers giftcard gift points bonus finance payroll salary money cash account accounts accounting company
corporate business enterprise team people human resources partner partners region regions global admin1 approve approval audit auditor ledger
summer winter spring autumn fall season january february march april may june july august september october november december
monday tuesday wednesday thursday friday saturday sunday morning evening today tomorrow yesterday christmas easter holiday birthday weekend
sommer herbst fruehling ete hiver printemps automne verano invierno estate inverno januar februar maerz juni juli oktober dezember
love iloveyou loveyou loveme lovely lover darling honey sweet sweetheart baby babygirl princess prince queen king angel heaven heart forever
always happy smile sunshine sunset rainbow butterfly flower rose lily daisy star stars moon sky ocean river mountain island forest garden
dragon monkey tiger lion eagle falcon wolf bear shark panther phoenix unicorn horse pony dog puppy doggy cat kitty kitten bird fish turtle
football soccer baseball basketball hockey tennis golf rugby cricket chess boxing racing runner player champion winner victory legend hero
liverpool arsenal chelsea barcelona realmadrid juventus manchester united city bayern dortmund milan ajax celtic rangers yankees lakers cowboys
batman superman spiderman ironman captain joker starwars starwar jedi yoda skywalker matrix pokemon pikachu naruto minecraft fortnite warcraft
harry potter hogwarts gandalf frodo merlin shadow ninja samurai knight warrior hunter killer pirate soldier ranger trooper viper cobra
michael jordan jessica jennifer ashley daniel andrew thomas robert william james john david richard charles joseph george edward henry
anthony joshua matthew nicholas christopher alexander benjamin samuel jonathan justin brandon ryan kevin jason brian patrick peter paul mark
maria anna sarah laura julia emma sophie charlotte amanda nicole michelle melissa stephanie rebecca samantha elizabeth victoria hannah olivia
martin stefan andreas sebastian florian tobias lukas jan lars sven erik olaf pierre jean marie louis camille carlos jose juan miguel pedro
freedom liberty peace trust faith hope blessed blessing jesus christ jesuschrist god godisgood church bible spirit power energy magic mystery
orange banana cherry lemon peach strawberry chocolate cookie coffee pepper ginger sugar cheese pizza burger chicken bacon butter candy whiskey
red blue green yellow purple black white silver gold golden diamond crystal platinum bronze copper metal steel stone rock thunder storm
lightning fire flame water earth wind snow ice music guitar piano drummer singer dancer movie camera picture number nothing
whatever something anything everything someone anyone nobody everybody please hello hallo bonjour hola ciao goodbye thanks thankyou welcome1
mustang ferrari porsche mercedes corvette camaro toyota honda yamaha harley audi bmw volkswagen volvo tesla truck driver biker rider
trustno trustnoone opensesame abracadabra access14 nopassword mypassword yourpassword thepassword passw passwd pass pwd word key keys
europe europa africa asia america americas australia oceania emea apac latam dach benelux nordics iberia baltics balkans nordic iberian
germany deutschland france spain espana italy italia portugal austria switzerland schweiz suisse netherlands holland belgium luxembourg
england scotland wales ireland britain kingdom denmark sweden norway finland iceland poland polska czech slovakia hungary romania bulgaria
greece turkey russia ukraine serbia croatia slovenia estonia latvia lithuania canada mexico brazil brasil argentina chile colombia peru
india china japan korea singapore malaysia thailand vietnam indonesia philippines taiwan hongkong israel egypt morocco kenya nigeria
north south east west northern southern eastern western central middle london paris berlin madrid rome vienna zurich munich hamburg
dublin lisbon amsterdam brussels copenhagen stockholm oslo helsinki warsaw prague budapest athens istanbul moscow tokyo beijing shanghai
sydney melbourne auckland toronto newyork chicago boston dallas houston texas california florida losangeles seattle washington
qwerty qwertz azerty qwert asdf zxcv zxcvbn qazwsx qweasd qweasdzxc asdfjkl abcd abc123 abcdef aaa xxx zzz
correcthorsebatterystaple correct battery staple thisismypassword thisisapassword tobeornottobe";

/// Words that people put between and around the others.
pub const SMALL: &str =
    "a i my me is it the and or of in at to for our your we you no not one two three this that das ist mein der die le la el mi";

/// Rows and columns of keys of the three Latin layouts.
pub const KEYS: &[&str] = &[
    "1234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik",
    "9ol",
    "1qay",
    "2wsxx",
    "1aqw",
    "2zsx",
    "789456123",
    "147258369",
    "qwaszx",
    "qazwsxedcrfvtgbyhnujmikolp",
];
