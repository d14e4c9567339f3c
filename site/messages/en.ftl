### The texts of all pages, in English. The build compiles this file into the Worker and refuses it
### if its keys or arguments differ from those of the other languages (site/README.md).
### The Worker looks up keys that begin with code-, error-, facet-, field-, problem-, source-,
### state- or unit- by name at run time.

-brand = Kerbside

brand = { -brand }
language-name = English
language-label = Language
skip-link = Skip to content
page-title = { $page } – { -brand }
title-error = Error: { $title }
footer-official = { -brand } passes on what the car maker’s systems state. It is not an official document and does not replace one.
footer-label = About this service
footer-problems = Error messages explained
yes = Yes
no = No

## Home

home-title = What the records say about a car
home-lead = Enter a vehicle identification number and read what the car maker’s own systems hold on that car: each fact with the system it comes from and the date it stood there.
home-markets = Choose a market
home-markets-hint = Choose the country the car was sold in or is registered in.
home-market-here = Look a car up
home-market-elsewhere = Opens { $host }
home-market-elsewhere-heading = In other regions
home-market-elsewhere-hint = The records of these markets are kept in their own region, at their own address.
home-markets-none = No market is open here at the moment. Please come back later.
home-legend = How to read the badges
home-legend-lead = Every part of a record carries a badge that says where it comes from and how current it is.
home-legend-not-stated = “{ not-stated }” means that nobody stated it. It never means “no”.

## Market: the look-up form

market-title = Look a car up in { $market }
market-lead = You need the vehicle identification number (VIN). It identifies exactly one car and stays out of addresses and logs: the record you get has a link without it.
vin-label = Vehicle identification number (VIN)
vin-hint = 17 characters, digits and letters, for example WP0ZZZ99ZTS842360. Spaces and hyphens do no harm.
vin-count = { $count } of 17 characters
vin-ioq = The letters I, O and Q never occur in a VIN. It is probably the digit 1 or 0.
vin-submit = Show the record
vin-help = Where do I find the VIN?
vin-help-windscreen = At the foot of the windscreen on the driver’s side, readable from outside.
vin-help-door = On the label in the driver’s door frame.
vin-help-document = In the registration certificate: field E in Europe.
vin-help-body = Stamped into the body, often under the bonnet or beside the front seat.
vin-help-what = The VIN is a worldwide standard (ISO 3779). The first three characters name the maker. The letters I, O and Q are left out, because they look like 1 and 0.
vin-error-summary = The record could not be looked up
vin-error-empty = Enter the vehicle identification number.
vin-error-length = { $count ->
    [one] A VIN has 17 characters; this is only { $count }. Please compare it with the registration certificate.
   *[other] A VIN has 17 characters; these are { $count }. Please compare them with the registration certificate.
}
vin-error-letters = A VIN never contains { $found }. The letters I, O and Q are left out because they look like 1 and 0: try the digit instead.
vin-error-character = A VIN has only the letters A to Z and digits. Please remove all other characters; letters from other alphabets can look the same.

## Vehicle

vehicle-heading = Vehicle record
vehicle-title = { $make } { $model }
vehicle-model-year = Model year { $year }
vehicle-pending = Some systems are still being asked.
vehicle-complete = All systems have answered.
vehicle-copy = Copy link
vehicle-copied = Link copied.
vehicle-copy-failed = The link could not be copied. Please copy it from the address bar.
vehicle-again = Look another car up
vehicle-vin-hint = This page and its link do not show the VIN. You can pass the link on.
not-stated = not stated
source = Source
as-of = As of
reload = Reload page
arrived = { $facet }: the answer has arrived.
gave-up = { $facet }: the source still has not answered. Reload the page in a moment to see whether it has.
status-stale = From our records of { $date }; the source is being asked again.
status-stale-error = From our records of { $date }; the source could not be asked just now.
status-stale-undated = From our records; the source is being asked again.
status-pending = The source is still being asked. This page fills the part in by itself; without JavaScript, reload it in a moment.
status-absent = The source was asked and holds nothing on this.
status-unavailable = { $reason } That says nothing about the car; please try again later.
status-withheld-member = This part is shown after sign-in.
status-withheld-owner = Only the owner sees this part, after proof of ownership.
withheld-member = Shown after sign-in: { $fields }
withheld-owner = Only the owner sees: { $fields }
sign-in = Sign in
recalls-open = At least one recall is open for this car. A workshop of the maker carries it out free of charge.
recalls-none = No recall is open for this car.
recalls-unstated = Whether a recall is open is not stated.
withheld-facets = More about this car
withheld-facets-member = For members, after sign-in
withheld-facets-owner = For the owner alone, after proof of ownership
energy-class = Class { $letter }
months = { $count ->
    [one] { $count } month
   *[other] { $count } months
}
warranty-until = This car is under warranty until { $date }.
warranty-expired = The warranty expired on { $date }.
warranty-ended = The warranty has ended.
warranty-undated = There is a warranty; it is not stated until when.
warranty-none = No warranty is on record.
warranty-unstated = Whether there is a warranty is not stated.
mileage-consistent = The readings agree: none is lower than an earlier one.
mileage-inconsistent = The readings do not agree: at least one is lower than an earlier one. Ask why before you buy.
mileage-not-rated = Not rated: there are too few readings to compare.
mileage-unstated = Whether the readings agree is not stated.
mileage-lower = lower than an earlier reading
damage-reported = Damage to this car has been reported.
damage-none = No damage to this car has been reported.
damage-unstated = Whether damage has been reported is not stated.
damage-repaired = Repaired
damage-unrepaired = Not repaired
registration-stolen = This car is reported stolen.
valuation-not-rated = Not rated: there are too few comparable cars.

## States of a part, looked up by name

state-fresh = Current
state-stale = From our records
state-pending = Being asked
state-absent = Nothing on record
state-unavailable = Not available
state-withheld = Withheld
state-fresh-meaning = The source system was asked recently; this is its answer.
state-stale-meaning = This is from our records. The source is being asked again, or could not be asked just now.
state-pending-meaning = The source is still being asked. The page fills the part in by itself.
state-absent-meaning = The source was asked and holds nothing on this.
state-unavailable-meaning = The source could not be reached. That says nothing about the car.
state-withheld-meaning = There is something here that is not shown to everyone.

## Why a source could not be asked (RFC 9209), looked up by name

error-http-response-timeout = The source did not answer in time.
error-connection-refused = The source refused the connection.
error-http-protocol-error = The source’s answer could not be read.
error-destination-unavailable = The source has failed repeatedly and is given a pause.
error-connection-limit-reached = The source is being asked too often at the moment.
error-other = The source could not be asked.

## Facets, looked up by name

facet-identity = Identity
facet-equipment = Equipment
facet-energy = Energy
facet-recalls = Recalls
facet-warranty = Warranty
facet-service-history = Service history
facet-mileage = Mileage
facet-registration = Registration
facet-damage = Damage
facet-valuation = Valuation
facet-identity-meaning = Make, model and technical facts
facet-equipment-meaning = What is fitted to this car
facet-energy-meaning = Consumption, emissions and the energy label
facet-recalls-meaning = Whether a safety recall is open, and which
facet-warranty-meaning = What is covered, and until when
facet-service-history-meaning = When it was last serviced, and what was done
facet-mileage-meaning = Whether the recorded readings agree
facet-registration-meaning = Plate, keeper and dates on record with the authority
facet-damage-meaning = Whether damage has been reported
facet-valuation-meaning = What comparable cars cost

## Source systems, looked up by name

source-master = Vehicle master
source-equipment = Equipment register
source-recalls = Recall register
source-workshop = Workshop orders
source-registry = Registration register
source-crm = Customer records
source-valuation = Valuation service
source-energy = Energy label register
source-damage = Damage register
source-register = Vehicle register
source-inspections = Inspection records
source-data = Technical data
source-warranty = Warranty register
source-mileage = Odometer register

## Fields, looked up by name

field-make = Make
field-model = Model
field-trim = Trim
field-body = Body
field-fuel = Fuel
field-model-year = Model year
field-power = Power
field-displacement = Displacement
field-cylinders = Cylinders
field-transmission = Transmission
field-drive = Driven wheels
field-doors = Doors
field-colour = Colour
field-vin = VIN
field-item-count = Recorded items
field-items = Details
field-equipment-items = List of equipment
field-recalls-items = Recalls in detail
field-open = Open recall
field-code = Code
field-name = Name
field-category = Category
field-reference = Reference
field-title = Title
field-description = Description
field-announced-on = Announced on
field-status = Status
field-mileage = Mileage
field-performed-on = Performed on
field-first-registered = First registered
field-model-code = Type code
field-seats = Seats
field-label = Energy label
field-label-discharged = Label, battery discharged
field-cycle = Measured by
field-consumption = Consumption
field-consumption-discharged = Consumption, battery discharged
field-gas-consumption = Gas consumption
field-electric-consumption = Power consumption
field-co2 = CO₂ emissions
field-electric-range = Electric range
field-battery-capacity = Battery capacity
field-emission-standard = Emission standard
field-valid-until = Valid until
field-warranty-items = Warranties in detail
field-kind = Kind
field-starts-on = From
field-ends-on = Until
field-duration = Duration
field-mileage-limit = Distance limit
field-provider = Provider
field-last-performed-on = Last entry
field-entry-count = Recorded entries
field-service-history-items = Service entries
field-result = Result
field-workshop = Workshop
field-invoice-number = Invoice number
field-invoice-total = Invoice total
field-verdict = Do the readings agree
field-mileage-items = Readings
field-read-on = Read on
field-distance = Mileage
field-mileage-distance = Reading
field-source = Occasion
field-plate = Number plate
field-first-registered-on = First registered
field-registered-on = Registered to the present keeper
field-country = Country
field-registration-status = Status
field-usage = Use
field-keeper-count = Keepers
field-inspection-due-on = Next inspection due
field-keeper-name = Keeper
field-keeper-address = Keeper’s address
field-reported = Reported damage
field-damage-items = Damage in detail
field-occurred-on = Date
field-area = Place
field-severity = Severity
field-repaired = Repaired
field-repair-cost = Repair cost
field-range = Price range
field-range-low = Price from
field-range-high = Price to
field-valued-at = Valued on
field-basis = Kind of sale
field-comparable-count = Comparable cars
field-rating = Rating

## Codes, looked up by field and value

code-fuel-petrol = Petrol
code-fuel-diesel = Diesel
code-fuel-electric = Electricity
code-fuel-hybrid-petrol = Hybrid (petrol)
code-fuel-hybrid-diesel = Hybrid (diesel)
code-fuel-plug-in-hybrid = Plug-in hybrid
code-fuel-cng = Natural gas (CNG)
code-fuel-lpg = Liquefied gas (LPG)
code-fuel-hydrogen = Hydrogen
code-fuel-ethanol = Ethanol
code-fuel-other = Other
code-body-saloon = Saloon
code-body-hatchback = Hatchback
code-body-estate = Estate
code-body-suv = SUV
code-body-coupe = Coupé
code-body-convertible = Convertible
code-body-pickup = Pick-up
code-body-van = Van
code-body-minivan = People carrier
code-body-truck = Lorry
code-body-motorcycle = Motorcycle
code-body-other = Other
code-transmission-manual = Manual
code-transmission-automatic = Automatic
code-transmission-automated-manual = Automated manual
code-transmission-cvt = Continuously variable (CVT)
code-transmission-other = Other
code-drive-front = Front wheels
code-drive-rear = Rear wheels
code-drive-all = All wheels
code-status-open = Open
code-status-completed = Completed
code-status-active = In force
code-status-expired = Expired
code-status-void = Void
code-status-registered = Registered
code-status-deregistered = Deregistered
code-status-scrapped = Scrapped
code-status-stolen = Reported stolen
code-status-exported = Exported
code-status-other = Other
code-cycle-wltp = WLTP
code-cycle-nedc = NEDC
code-cycle-epa = EPA
code-cycle-other = Another method
code-kind-factory = Manufacturer’s warranty
code-kind-extended = Extended warranty
code-kind-powertrain = Powertrain
code-kind-corrosion = Corrosion
code-kind-paint = Paint
code-kind-battery = Traction battery
code-kind-emissions = Emissions equipment
code-kind-mobility = Breakdown cover
code-kind-service = Service
code-kind-inspection = Statutory inspection
code-kind-repair = Repair
code-kind-recall = Recall work
code-kind-tyres = Tyres
code-kind-bodywork = Bodywork
code-kind-other = Other
code-result-passed = Passed
code-result-passed-with-defects = Passed with defects
code-result-failed = Failed
code-source-service = Service
code-source-inspection = Statutory inspection
code-source-registration = Registration
code-source-owner = Stated by the owner
code-source-telematics = Sent by the car
code-source-other = Other
code-verdict-consistent = They agree
code-verdict-inconsistent = They do not agree
code-verdict-not-rated = Not rated
code-usage-private = Private
code-usage-commercial = Commercial
code-usage-taxi = Taxi
code-usage-rental = Rental
code-usage-other = Other
code-area-front = Front
code-area-rear = Rear
code-area-left = Left side
code-area-right = Right side
code-area-roof = Roof
code-area-underbody = Underbody
code-area-interior = Interior
code-area-engine = Engine
code-area-other = Elsewhere
code-severity-cosmetic = Cosmetic
code-severity-minor = Minor
code-severity-major = Major
code-severity-structural = Structural
code-severity-total-loss = Total loss
code-basis-trade-in = Trade-in
code-basis-private-sale = Private sale
code-basis-retail = Dealer sale
code-basis-auction = Auction
code-basis-other = Other
code-rating-rated = Rated
code-rating-not-rated = Not rated

## Units, looked up by name

unit-kw = kW
unit-cm3 = cm³
unit-km = km
unit-mi = mi
unit-l-100km = l/100 km
unit-kg-100km = kg/100 km
unit-kwh-100km = kWh/100 km
unit-g-km = g/km
unit-kwh = kWh

## Problems: title, what it means, what to do; looked up by slug

problems-heading = Error messages explained
problems-lead = When something goes wrong, pages and the API name the problem by one of these words. Each has a page that says what it means and what helps.
problems-todo = What you can do
problems-means = What it means
problems-status = HTTP status
problems-name = Name
problems-request = Request number
problems-request-hint = Please give this number when you ask for help.
problems-home = To the start page
problems-market = Back to the look-up
problems-elsewhere = Continue at { $host }
problems-explained = More about this error

problem-invalid-vin-title = Not a vehicle identification number
problem-invalid-vin-text = A VIN has 17 characters: digits and the letters A to Z without I, O and Q. What was entered does not fit that.
problem-invalid-vin-todo = Compare the number with the registration certificate, character by character. Where you read I, O or Q, it is 1 or 0.
problem-invalid-request-title = The request could not be understood
problem-invalid-request-text = The request lacks something, or holds something that does not belong there.
problem-invalid-request-todo = Go back to the look-up and send the form again. If you use the API, the list “errors” in the answer names each place.
problem-unknown-vehicle-title = No such car here
problem-unknown-vehicle-text = Either the address is incomplete or damaged, or the market’s systems do not hold this car.
problem-unknown-vehicle-todo = Check that you copied the whole link. Otherwise look the car up by its VIN, if need be in another market.
problem-unknown-market-title = No such market
problem-unknown-market-text = There is no market at this address.
problem-unknown-market-todo = Choose your market on the start page.
problem-not-found-title = Page not found
problem-not-found-text = There is nothing at this address.
problem-not-found-todo = Check the address, or begin on the start page.
problem-sign-in-required-title = Please sign in
problem-sign-in-required-text = What you asked for is shown to signed-in people only.
problem-sign-in-required-todo = Sign in and try again.
problem-ownership-required-title = Only for the owner
problem-ownership-required-text = What you asked for is shown only to the person who has proven that the car is theirs.
problem-ownership-required-todo = Start the proof of ownership on the page of the car.
problem-wrong-proof-title = The proof does not match
problem-wrong-proof-text = The code or data entered does not match what is on record.
problem-wrong-proof-todo = Check what you entered and try again. The number of attempts is limited.
problem-claim-expired-title = The proof has expired
problem-claim-expired-text = Too much time went by between the start of the proof and the answer.
problem-claim-expired-todo = Start the proof of ownership again.
problem-claim-locked-title = The proof is locked
problem-claim-locked-text = There were too many failed attempts for this car.
problem-claim-locked-todo = Wait a day and try again, or choose another kind of proof.
problem-claim-conflict-title = Another proof exists
problem-claim-conflict-text = Another person has proven ownership of this car, or is doing so now.
problem-claim-conflict-todo = Both sides have been told. Wait for the outcome or ask customer service.
problem-rate-limited-title = Too many requests
problem-rate-limited-text = More requests came from your connection in a short time than we can answer.
problem-rate-limited-todo = Wait a minute and try again.
problem-origin-timeout-title = The source did not answer in time
problem-origin-timeout-text = The system that knows this car has not answered yet. A record without it would be empty.
problem-origin-timeout-todo = Reload the page in a moment: a late answer is kept and shown then.
problem-origin-failed-title = The source’s answer could not be used
problem-origin-failed-text = The system that knows this car answered with something that cannot be read.
problem-origin-failed-todo = This is not your fault. Try again later.
problem-origin-unavailable-title = The source is not available
problem-origin-unavailable-text = The system that knows this car is failing at the moment and is given a pause.
problem-origin-unavailable-todo = Try again in a few minutes.
problem-market-unavailable-title = The market is not available
problem-market-unavailable-text = The market exists, but its settings could not be loaded.
problem-market-unavailable-todo = Try again in a few minutes.
problem-payload-too-large-title = Too much was sent
problem-payload-too-large-text = What was sent is larger than any valid request.
problem-payload-too-large-todo = Enter only the VIN: 17 characters.
problem-unsupported-media-type-title = Unknown format
problem-unsupported-media-type-text = The content was sent in a format that is not understood here.
problem-unsupported-media-type-todo = Use the look-up form. If you use the API, send JSON with “Content-Type: application/json”.
problem-method-not-allowed-title = That is not possible at this address
problem-method-not-allowed-text = The address exists, but not for this kind of request.
problem-method-not-allowed-todo = Begin on the start page. If you use the API, the header “Allow” names the methods that work.
problem-misdirected-title = This market is kept in another region
problem-misdirected-text = The records of each market stay in its own region. This address serves another one.
problem-misdirected-todo = Continue at the address of the market’s home region.
problem-service-unavailable-title = This cannot be done now
problem-service-unavailable-text = Something that is needed for it is not there at the moment or is not set up.
problem-service-unavailable-todo = Try again later.
problem-internal-title = Something went wrong here
problem-internal-text = An error occurred on our side. Nothing you entered is to blame.
problem-internal-todo = Try again. If it keeps happening, tell us the request number.
