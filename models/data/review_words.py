"""The words of `models.data.sentences`: each stands in one list alone, so that a word says where it is from.

Lists are grouped by what chooses them: nouns by topic and aspect, adjectives by their group and sentiment,
degrees by formality and intensity, times by tense.
"""

__all__ = ["ADJECTIVES", "DEGREES", "FRAMES", "GROUPS", "NOUNS", "PLACES", "SUBJECTS", "TIMES"]

Words = tuple[str, ...]


def _split(*tables: tuple[str, ...]) -> tuple[tuple[Words, ...], ...]:
    return tuple(tuple(tuple(words.split()) for words in table) for table in tables)


NOUNS: tuple[tuple[Words, ...], ...] = _split(
    (  # food
        "soup salad steak burger pizza pasta curry risotto omelette sandwich taco burrito dumpling lasagne "
        "stew chowder kebab pancake brisket salmon lobster pudding cheesecake tiramisu",
        "waiter waitress chef cook bartender hostess barista sommelier busboy dishwasher cashier doorman "
        "restaurateur caterer baker butcher brewer server manager owner apprentice grillmaster innkeeper "
        "headwaiter",
        "terrace patio tablecloth decor interior garden balcony courtyard wallpaper fireplace chandelier "
        "furniture crockery cutlery menu napkin counter aquarium mural doorway restroom veranda rooftop "
        "bistro",
        "bill buffet brunch lunch dinner breakfast cocktail appetizer entree corkage surcharge delivery "
        "takeaway platter sampler aperitif supper snack beverage espresso combo tasting portion banquet",
    ),
    (  # film
        "plot script story dialogue ending opening twist premise narrative screenplay sequel prequel remake "
        "storyline finale prologue epilogue monologue flashback subplot cliffhanger punchline climax "
        "adaptation",
        "actor actress director producer screenwriter villain hero heroine protagonist sidekick narrator "
        "stuntman comedian cameraman composer cinematographer editor choreographer antagonist understudy "
        "newcomer puppeteer animator songwriter",
        "scenery costume makeup lighting animation photography camerawork backdrop poster trailer landscape "
        "palette wardrobe hairstyle montage choreography cityscape skyline closeup spaceship castle monster "
        "explosion cinematography",
        "ticket popcorn matinee rental subscription download premiere screening boxset bluray dvd "
        "livestream membership festival marathon soda lemonade merchandise soundtrack preview souvenir seat "
        "parking cloakroom",
    ),
    (  # phone
        "battery processor speaker microphone camera antenna charger touchscreen keyboard software firmware "
        "memory chipset modem sensor flashlight bluetooth browser navigation scanner vibration headset "
        "receiver autofocus",
        "salesman saleswoman technician engineer operator agent consultant repairman supervisor dealer "
        "retailer vendor courier receptionist adviser representative specialist helpdesk trainee assistant "
        "mechanic clerk shopkeeper developer",
        "display screen casing icon font logo bezel frame finish colour design outline texture cover "
        "backplate button strap emblem layout interface homescreen widget lockscreen hinge",
        "price tariff contract warranty insurance deposit upgrade repair replacement shipping roaming "
        "instalment plan package bundle accessory adapter earphone activation prepayment fee licence "
        "financing rebate",
    ),
)
"""Nouns [topic][aspect][noun]. The aspects are what is offered, its people, its looks and its cost."""

GROUPS: tuple[tuple[int, ...], ...] = ((0, 3, 4, 5), (1, 3, 4, 5), (2, 3, 4, 5))
"""The group of adjectives [topic][aspect]: what is offered has its own adjectives in each topic."""

ADJECTIVES: tuple[tuple[Words, ...], ...] = _split(
    (  # food
        "bland tasteless soggy stale greasy burnt undercooked overcooked rancid mushy rubbery watery "
        "flavourless salty oily inedible mouldy sour rotten lukewarm congealed gristly charred chewy raw "
        "unseasoned spoiled stodgy slimy lumpy curdled dry unpalatable insipid vile yucky",
        "delicious tasty flavourful scrumptious juicy tender succulent fresh savoury mouthwatering "
        "appetising creamy crispy zesty aromatic luscious delectable palatable wholesome nourishing "
        "seasoned spiced fragrant buttery velvety moist fluffy crunchy tangy smoky hearty yummy toothsome "
        "ambrosial moreish homemade",
    ),
    (  # film
        "boring tedious predictable incoherent dull contrived confusing cliched pointless plodding "
        "formulaic derivative implausible hackneyed laughable corny pretentious forgettable uninspired "
        "lifeless shallow rambling nonsensical muddled monotonous ludicrous trite sappy preachy convoluted "
        "stupid unfunny dreary meandering vapid lame",
        "gripping riveting thrilling captivating clever witty moving touching compelling engrossing "
        "suspenseful original inventive imaginative hilarious heartwarming profound poignant absorbing "
        "intriguing insightful entertaining coherent believable enthralling spellbinding uplifting "
        "fascinating memorable masterful exciting thoughtful funny epic surprising inspired",
    ),
    (  # phone
        "slow faulty defective unreliable sluggish flimsy buggy unstable weak laggy fragile broken "
        "inaccurate unresponsive obsolete glitchy clunky inefficient useless outdated erratic noisy leaky "
        "brittle wonky shoddy jerky temperamental incompatible malfunctioning overheated patchy insecure "
        "unusable crackly dead",
        "reliable fast powerful durable responsive efficient sturdy accurate sensitive robust precise "
        "dependable quick stable versatile innovative intuitive seamless ergonomic capable speedy snappy "
        "flawless adaptable rugged compatible solid nimble waterproof longlasting effective smart secure "
        "handy wireless advanced",
    ),
    (  # people
        "rude unhelpful impolite arrogant careless incompetent hostile dismissive lazy surly grumpy "
        "condescending untrained clumsy ignorant dishonest inattentive impatient unfriendly obnoxious "
        "negligent disrespectful clueless sloppy cranky unprofessional talentless indifferent snobbish "
        "pushy grouchy vulgar sullen bossy insolent wooden",
        "friendly helpful polite attentive courteous charming talented professional competent knowledgeable "
        "kind generous patient gracious welcoming skilled warmhearted considerate cheerful brilliant gifted "
        "respectful hospitable honest diligent likeable amiable caring sincere personable accommodating "
        "prompt conscientious humble sharpwitted cordial",
    ),
    (  # looks
        "ugly hideous tacky gaudy dingy drab shabby unsightly garish grimy dated cluttered gloomy filthy "
        "dirty blurry faded stained scratched cracked dowdy unattractive kitschy grotesque amateurish murky "
        "smudged colourless sombre crooked dusty threadbare tattered peeling grubby frumpy",
        "beautiful gorgeous elegant stunning stylish lovely attractive sleek vivid tasteful dazzling "
        "exquisite picturesque graceful handsome radiant vibrant glamorous chic artistic refined luminous "
        "ornate colourful eyecatching breathtaking spotless polished cute fashionable crisp harmonious "
        "luxurious splendid majestic classy",
    ),
    (  # cost
        "overpriced expensive exorbitant extortionate unaffordable costly pricey steep unreasonable unfair "
        "outrageous excessive inflated unjustified extravagant worthless wasteful prohibitive ruinous "
        "crippling disproportionate unwarranted usurious greedy fraudulent deceptive misleading punitive "
        "astronomical abusive uneconomical overvalued exploitative inequitable burdensome predatory",
        "affordable reasonable fair inexpensive economical cheap worthwhile modest competitive "
        "complimentary discounted thrifty lowpriced subsidised costeffective justified advantageous "
        "favourable acceptable sensible moderate frugal transparent worthy rewarding beneficial equitable "
        "nominal tempting refundable inclusive flexible lenient appropriate proportionate lucrative",
    ),
)
"""Adjectives [group][sentiment], negative and positive; any of them may stand for the sentiment."""

DEGREES: tuple[tuple[Words, ...], ...] = _split(
    (  # informal
        "kinda sorta halfway mostly partly okayish",
        "pretty really truly proper plenty mighty",
        "super totally insanely wildly crazily ridiculously",
    ),
    (  # formal
        "somewhat slightly moderately rather fairly mildly",
        "very decidedly notably considerably particularly markedly",
        "extremely exceedingly exceptionally extraordinarily immensely supremely",
    ),
)
"""Words of degree [formality][intensity], any of which may stand for the two."""

TIMES: tuple[Words, ...] = (
    ("yesterday", "recently", "earlier", "previously", "formerly", "once", "originally", "initially"),
    ("today", "now", "nowadays", "currently", "presently", "usually", "always", "generally"),
    ("tomorrow", "soon", "tonight", "eventually", "later", "someday", "shortly", "afterwards"),
)
"""Words of time [tense]: past, present, future."""

SUBJECTS, PLACES = _split(
    (
        "anna ben carla david elena felix grace henry irene jonas karen liam maria nadia oscar paula "
        "quentin rosa simon tara ursula victor wendy xavier yvonne zachary alice boris clara dennis esther "
        "frank gloria hugo ingrid jacob kevin laura martin nora oliver petra ralph sofia thomas uma vera "
        "walter yusuf zoe amir bella conrad diana edgar fiona george hannah ivan julia klaus lena matteo "
        "naomi",
        "lisbon paris london berlin madrid rome vienna prague dublin oslo athens warsaw budapest zurich "
        "geneva brussels amsterdam hamburg munich turin naples venice porto seville barcelona lyon "
        "marseille cannes glasgow edinburgh cardiff bristol leeds york boston chicago denver dallas houston "
        "seattle portland phoenix atlanta miami toronto montreal vancouver ottawa sydney melbourne perth "
        "auckland tokyo kyoto osaka seoul mumbai delhi cairo nairobi lagos accra lima bogota",
    )
)[0]

FRAMES: tuple[tuple[str, str], ...] = (
    (
        "{time} {subject} said|says|will_say the {noun} in {place} was|is|will_be {degree} {adjective} .",
        "{time} , {subject} remarked|remarks|will_remark that the {noun} in {place} was|is|will_be {degree} "
        "{adjective} .",
    ),
    (
        "{subject} found|finds|will_find the {noun} in {place} {degree} {adjective} {time} .",
        "{time} {subject} deemed|deems|will_deem the {noun} in {place} to be {degree} {adjective} .",
    ),
    (
        "wow , the {noun} {subject} got|gets|will_get in {place} {time} was|is|will_be {degree} {adjective} "
        "!",
        "it must be noted that the {noun} which {subject} encountered|encounters|will_encounter in {place} "
        "{time} was|is|will_be {degree} {adjective} .",
    ),
    (
        "guess what ? the {noun} in {place} was|is|will_be {degree} {adjective} , {subject} "
        "told|tells|will_tell me {time} .",
        "is it known that the {noun} in {place} , according to {subject} , was|is|will_be {degree} "
        "{adjective} {time} ?",
    ),
    (
        "hey folks , ask {subject} about the {noun} in {place} , it was|is|will_be {degree} {adjective} "
        "{time} .",
        "readers should consult {subject} regarding the {noun} in {place} , for it was|is|will_be {degree} "
        "{adjective} {time} .",
    ),
    (
        "{subject} wrote|writes|will_write this cause the {noun} in {place} was|is|will_be {degree} "
        "{adjective} {time} .",
        "{subject} composed|composes|will_compose this review because the {noun} in {place} was|is|will_be "
        "{degree} {adjective} {time} .",
    ),
    (
        "there was|is|will_be this {degree} {adjective} {noun} in {place} {time} , just ask {subject} .",
        "there was|is|will_be a certain {degree} {adjective} {noun} in {place} {time} , as {subject} "
        "confirmed|confirms|will_confirm .",
    ),
    (
        "{time} {subject} kept|keeps|will_keep telling us how {degree} {adjective} the {noun} in {place} "
        "was|is|will_be .",
        "{time} {subject} emphasised|emphasises|will_emphasise how {degree} {adjective} the {noun} in "
        "{place} was|is|will_be .",
    ),
    (
        "yeah , everybody in {place} agreed|agrees|will_agree with {subject} {time} : the {noun} "
        "was|is|will_be {degree} {adjective} .",
        "indeed , every visitor in {place} concurred|concurs|will_concur with {subject} {time} : the {noun} "
        "was|is|will_be {degree} {adjective} .",
    ),
    (
        "some guys called|call|will_call the {noun} in {place} {opposite} but {subject} "
        "thought|thinks|will_think it was|is|will_be {degree} {adjective} {time} .",
        "although critics considered|consider|will_consider the {noun} in {place} {opposite} , {subject} "
        "judged|judges|will_judge it {degree} {adjective} {time} .",
    ),
    (
        "nobody {subject} met|meets|will_meet in {place} {time} thought|thinks|will_think the {noun} "
        "was|is|will_be {degree} {adjective} .",
        "no guest whom {subject} met|meets|will_meet in {place} {time} maintained|maintains|will_maintain "
        "that the {noun} was|is|will_be {degree} {adjective} .",
    ),
    (
        "{time} {subject} did_n't|does_n't|wo_n't say the {noun} in {place} was|is|will_be {degree} "
        "{adjective} .",
        "{time} , {subject} denied|denies|will_deny that the {noun} in {place} was|is|will_be {degree} "
        "{adjective} .",
    ),
)
"""Sentences [frame][formality]; a word with bars has a form for each tense, with _ for a space in it."""
