### Alle Texte der Seiten auf Deutsch. build.rs übersetzt diese Datei in den Worker und weist sie zurück,
### wenn ihre Schlüssel oder Argumente von denen der anderen Sprachen abweichen (site/README.md).

-brand = Kerbside

brand = { -brand }
language-name = Deutsch
language-label = Sprache
skip-link = Zum Inhalt springen
page-title = { $page } – { -brand }
title-error = Fehler: { $title }
footer-official = { -brand } gibt weiter, was in den Systemen des Herstellers steht. Dies ist keine amtliche Urkunde und ersetzt keine.
footer-label = Über diesen Dienst
footer-problems = Fehlermeldungen erklärt
yes = Ja
no = Nein

## Startseite

home-title = Was über ein Auto verzeichnet ist
home-lead = Geben Sie eine Fahrzeug-Identifizierungsnummer ein und lesen Sie, was die Systeme des Herstellers über dieses Auto wissen: jede Angabe mit dem System, aus dem sie stammt, und mit ihrem Stand.
home-markets = Markt wählen
home-markets-hint = Wählen Sie das Land, in dem das Auto verkauft wurde oder zugelassen ist.
home-market-here = Auto nachschlagen
home-market-elsewhere = Öffnet { $host }
home-market-elsewhere-heading = In anderen Regionen
home-market-elsewhere-hint = Die Daten dieser Märkte liegen in deren eigener Region, unter eigener Adresse.
home-markets-none = Hier ist zurzeit kein Markt geöffnet. Bitte kommen Sie später wieder.
home-legend = Zeichenerklärung
home-legend-lead = Jeder Teil eines Auszugs trägt ein Zeichen, das sagt, woher er stammt und wie aktuell er ist.
home-legend-not-stated = „{ not-stated }“ heißt: Niemand hat dazu etwas angegeben. Es heißt nie „nein“.

## Markt: das Formular

market-title = Auto nachschlagen in { $market }
market-lead = Sie brauchen die Fahrzeug-Identifizierungsnummer (FIN). Sie bezeichnet genau ein Auto und erscheint weder in Adressen noch in Protokollen: Der Link zum Auszug kommt ohne sie aus.
vin-label = Fahrzeug-Identifizierungsnummer (FIN)
vin-hint = 17 Zeichen, Ziffern und Buchstaben, zum Beispiel WP0ZZZ99ZTS842360. Leerzeichen und Bindestriche stören nicht.
vin-count = { $count } von 17 Zeichen
vin-ioq = Die Buchstaben I, O und Q kommen in einer FIN nie vor. Vermutlich ist es die Ziffer 1 oder 0.
vin-submit = Auszug anzeigen
vin-help = Wo finde ich die FIN?
vin-help-windscreen = Unten an der Windschutzscheibe auf der Fahrerseite, von außen lesbar.
vin-help-door = Auf dem Schild im Rahmen der Fahrertür.
vin-help-document = Im Fahrzeugschein (Zulassungsbescheinigung Teil I) im Feld E.
vin-help-body = Eingeschlagen in die Karosserie, oft im Motorraum oder neben dem Vordersitz.
vin-help-what = Die FIN ist weltweit genormt (ISO 3779). Die ersten drei Zeichen stehen für den Hersteller. Die Buchstaben I, O und Q fehlen, weil sie wie 1 und 0 aussehen.
vin-error-summary = Der Auszug konnte nicht aufgerufen werden
vin-error-empty = Geben Sie die Fahrzeug-Identifizierungsnummer ein.
vin-error-length = { $count ->
    [one] Eine FIN hat 17 Zeichen, dies ist nur { $count }. Bitte vergleichen Sie die Eingabe mit dem Fahrzeugschein.
   *[other] Eine FIN hat 17 Zeichen, dies sind { $count }. Bitte vergleichen Sie die Eingabe mit dem Fahrzeugschein.
}
vin-error-letters = Eine FIN enthält nie { $found }. Die Buchstaben I, O und Q fehlen, weil sie wie 1 und 0 aussehen: Versuchen Sie es mit der Ziffer.
vin-error-character = Eine FIN besteht nur aus den Buchstaben A bis Z und Ziffern. Bitte entfernen Sie alle anderen Zeichen; Buchstaben anderer Alphabete können gleich aussehen.

## Fahrzeug

vehicle-heading = Fahrzeugauszug
vehicle-title = { $make } { $model }
vehicle-model-year = Modelljahr { $year }
vehicle-pending = Einige Systeme werden noch gefragt.
vehicle-complete = Alle Systeme haben geantwortet.
vehicle-copy = Link kopieren
vehicle-copied = Link kopiert.
vehicle-copy-failed = Der Link konnte nicht kopiert werden. Bitte kopieren Sie ihn aus der Adresszeile.
vehicle-again = Anderes Auto nachschlagen
vehicle-note-vin = Diese Seite und ihr Link zeigen die FIN nicht. Sie können den Link weitergeben.
not-stated = nicht angegeben
source = Quelle
as-of = Stand
reload = Seite neu laden
arrived = { $facet }: Die Antwort ist da.
gave-up = { $facet }: Die Quelle hat noch nicht geantwortet. Laden Sie die Seite in einem Moment neu, um nachzusehen.
note-stale = Aus unserem Bestand vom { $date }; die Quelle wird gerade neu gefragt.
note-stale-error = Aus unserem Bestand vom { $date }; die Quelle war eben nicht zu erreichen.
note-stale-undated = Aus unserem Bestand; die Quelle wird gerade neu gefragt.
note-pending = Die Quelle wird noch gefragt. Die Seite ergänzt diesen Teil von selbst; ohne JavaScript laden Sie sie bitte in einem Moment neu.
note-absent = Die Quelle wurde gefragt und hat dazu nichts verzeichnet.
note-unavailable = { $reason } Über das Auto sagt das nichts; bitte versuchen Sie es später noch einmal.
note-withheld-member = Dieser Teil ist nach der Anmeldung sichtbar.
note-withheld-owner = Dieser Teil ist nur mit Eigentumsnachweis sichtbar.
withheld-member = Nach der Anmeldung sichtbar: { $fields }
withheld-owner = Nur mit Eigentumsnachweis sichtbar: { $fields }
sign-in = Anmelden
recalls-open = Für dieses Auto ist mindestens ein Rückruf offen. Eine Werkstatt des Herstellers führt ihn kostenlos aus.
recalls-none = Für dieses Auto ist kein Rückruf offen.
recalls-unstated = Ob ein Rückruf offen ist, ist nicht angegeben.

## Zustände eines Teils

state-fresh = Aktuell
state-stale = Aus unserem Bestand
state-pending = Wird gefragt
state-absent = Nichts verzeichnet
state-unavailable = Nicht erhältlich
state-withheld = Nicht öffentlich
state-fresh-meaning = Das Quellsystem wurde vor Kurzem gefragt; dies ist seine Antwort.
state-stale-meaning = Dies stammt aus unserem Bestand. Die Quelle wird gerade neu gefragt oder war nicht zu erreichen.
state-pending-meaning = Die Quelle wird noch gefragt. Die Seite ergänzt den Teil von selbst.
state-absent-meaning = Die Quelle wurde gefragt und hat dazu nichts verzeichnet.
state-unavailable-meaning = Die Quelle war nicht zu erreichen. Über das Auto sagt das nichts.
state-withheld-meaning = Hier gibt es etwas, das nicht allen gezeigt wird.

## Warum eine Quelle nicht gefragt werden konnte (RFC 9209)

error-http-response-timeout = Die Quelle hat nicht rechtzeitig geantwortet.
error-connection-refused = Die Quelle hat die Verbindung abgelehnt.
error-http-protocol-error = Die Antwort der Quelle war nicht lesbar.
error-destination-unavailable = Die Quelle ist mehrfach ausgefallen und erhält eine Pause.
error-connection-limit-reached = Die Quelle wird im Moment zu oft gefragt.
error-other = Die Quelle konnte nicht gefragt werden.

## Teile

facet-identity = Identität
facet-equipment = Ausstattung
facet-energy = Energie
facet-recalls = Rückrufe
facet-warranty = Garantie
facet-service-history = Wartung
facet-mileage = Kilometerstand
facet-registration = Zulassung
facet-damage = Schäden
facet-valuation = Bewertung

## Quellsysteme

source-master = Fahrzeugstamm
source-equipment = Ausstattungsregister
source-recalls = Rückrufregister
source-workshop = Werkstattaufträge
source-registry = Zulassungsregister
source-crm = Kundendaten

## Felder

field-make = Marke
field-model = Modell
field-trim = Ausführung
field-body = Aufbau
field-fuel = Kraftstoff
field-model-year = Modelljahr
field-power = Leistung
field-displacement = Hubraum
field-cylinders = Zylinder
field-transmission = Getriebe
field-drive = Antrieb
field-doors = Türen
field-colour = Farbe
field-vin = FIN
field-item-count = Verzeichnete Merkmale
field-items = Einzelheiten
field-equipment-items = Liste der Ausstattung
field-recalls-items = Rückrufe im Einzelnen
field-open = Offener Rückruf
field-code = Code
field-name = Name
field-category = Kategorie
field-reference = Aktenzeichen
field-title = Titel
field-description = Beschreibung
field-announced-on = Bekannt gegeben am
field-status = Stand
field-mileage = Kilometerstand
field-performed-on = Ausgeführt am
field-first-registered = Erstzulassung

## Codes

code-fuel-petrol = Benzin
code-fuel-diesel = Diesel
code-fuel-electric = Strom
code-fuel-hybrid-petrol = Hybrid (Benzin)
code-fuel-hybrid-diesel = Hybrid (Diesel)
code-fuel-plug-in-hybrid = Plug-in-Hybrid
code-fuel-cng = Erdgas (CNG)
code-fuel-lpg = Flüssiggas (LPG)
code-fuel-hydrogen = Wasserstoff
code-fuel-ethanol = Ethanol
code-fuel-other = Sonstiger
code-body-saloon = Limousine
code-body-hatchback = Schräghecklimousine
code-body-estate = Kombi
code-body-suv = Geländewagen (SUV)
code-body-coupe = Coupé
code-body-convertible = Cabriolet
code-body-pickup = Pick-up
code-body-van = Kastenwagen
code-body-minivan = Großraumlimousine
code-body-truck = Lastkraftwagen
code-body-motorcycle = Kraftrad
code-body-other = Sonstiger
code-transmission-manual = Schaltgetriebe
code-transmission-automatic = Automatik
code-transmission-automated-manual = Automatisiertes Schaltgetriebe
code-transmission-cvt = Stufenlos (CVT)
code-transmission-other = Sonstiges
code-drive-front = Vorderrad
code-drive-rear = Hinterrad
code-drive-all = Allrad
code-status-open = Offen
code-status-completed = Erledigt

## Einheiten

unit-kw = kW
unit-cm3 = cm³
unit-km = km
unit-mi = mi

## Fehler: Titel, Bedeutung, Abhilfe

problems-heading = Fehlermeldungen erklärt
problems-lead = Wenn etwas nicht gelingt, nennen Seiten und Schnittstelle den Fehler mit einem dieser Wörter. Zu jedem gibt es eine Seite, die sagt, was es bedeutet und was hilft.
problems-todo = Was Sie tun können
problems-means = Was es bedeutet
problems-status = HTTP-Status
problems-name = Name
problems-request = Vorgangsnummer
problems-request-hint = Bitte nennen Sie diese Nummer, wenn Sie um Hilfe bitten.
problems-home = Zur Startseite
problems-market = Zurück zum Nachschlagen
problems-elsewhere = Weiter bei { $host }
problems-explained = Mehr zu diesem Fehler

problem-invalid-vin-title = Keine Fahrzeug-Identifizierungsnummer
problem-invalid-vin-text = Eine FIN hat 17 Zeichen: Ziffern und die Buchstaben A bis Z ohne I, O und Q. Die Eingabe passt nicht dazu.
problem-invalid-vin-todo = Vergleichen Sie die Nummer Zeichen für Zeichen mit dem Fahrzeugschein. Wo Sie I, O oder Q lesen, steht eine 1 oder 0.
problem-invalid-request-title = Die Anfrage war nicht zu verstehen
problem-invalid-request-text = In der Anfrage fehlt etwas, oder sie enthält etwas, das dort nicht hingehört.
problem-invalid-request-todo = Gehen Sie zum Formular zurück und senden Sie es noch einmal ab. Wenn Sie die Schnittstelle nutzen: Die Liste „errors“ in der Antwort nennt jede Stelle.
problem-unknown-vehicle-title = Dieses Auto gibt es hier nicht
problem-unknown-vehicle-text = Entweder ist die Adresse unvollständig oder beschädigt, oder die Systeme des Marktes kennen dieses Auto nicht.
problem-unknown-vehicle-todo = Prüfen Sie, ob Sie den ganzen Link kopiert haben. Schlagen Sie das Auto sonst mit seiner FIN nach, wenn nötig in einem anderen Markt.
problem-unknown-market-title = Diesen Markt gibt es nicht
problem-unknown-market-text = Unter dieser Adresse gibt es keinen Markt.
problem-unknown-market-todo = Wählen Sie Ihren Markt auf der Startseite.
problem-not-found-title = Seite nicht gefunden
problem-not-found-text = Unter dieser Adresse gibt es nichts.
problem-not-found-todo = Prüfen Sie die Adresse oder beginnen Sie auf der Startseite.
problem-sign-in-required-title = Bitte melden Sie sich an
problem-sign-in-required-text = Das Gewünschte ist nur nach Anmeldung sichtbar.
problem-sign-in-required-todo = Melden Sie sich an und versuchen Sie es noch einmal.
problem-ownership-required-title = Nur mit Eigentumsnachweis
problem-ownership-required-text = Das Gewünschte sieht nur, wer nachgewiesen hat, dass ihr oder ihm das Auto gehört.
problem-ownership-required-todo = Beginnen Sie den Eigentumsnachweis auf der Seite des Autos.
problem-wrong-proof-title = Der Nachweis stimmt nicht
problem-wrong-proof-text = Der Code oder die Daten stimmen nicht mit dem überein, was verzeichnet ist.
problem-wrong-proof-todo = Prüfen Sie die Eingabe und versuchen Sie es noch einmal. Die Zahl der Versuche ist begrenzt.
problem-claim-expired-title = Der Nachweis ist abgelaufen
problem-claim-expired-text = Zwischen Beginn des Nachweises und Antwort ist zu viel Zeit vergangen.
problem-claim-expired-todo = Beginnen Sie den Eigentumsnachweis von vorn.
problem-claim-locked-title = Der Nachweis ist gesperrt
problem-claim-locked-text = Für dieses Auto gab es zu viele Fehlversuche.
problem-claim-locked-todo = Warten Sie einen Tag oder wählen Sie eine andere Art des Nachweises.
problem-claim-conflict-title = Es gibt einen anderen Nachweis
problem-claim-conflict-text = Eine andere Person hat das Eigentum an diesem Auto nachgewiesen oder tut es gerade.
problem-claim-conflict-todo = Beide Seiten sind benachrichtigt. Warten Sie das Ergebnis ab oder fragen Sie den Kundendienst.
problem-rate-limited-title = Zu viele Anfragen
problem-rate-limited-text = Von Ihrem Anschluss kamen in kurzer Zeit mehr Anfragen, als wir beantworten können.
problem-rate-limited-todo = Warten Sie eine Minute und versuchen Sie es noch einmal.
problem-origin-timeout-title = Die Quelle hat nicht rechtzeitig geantwortet
problem-origin-timeout-text = Das System, das dieses Auto kennt, hat noch nicht geantwortet. Ohne seine Antwort wäre der Auszug leer.
problem-origin-timeout-todo = Laden Sie die Seite in einem Moment neu: Eine späte Antwort wird aufgehoben und dann gezeigt.
problem-origin-failed-title = Die Antwort der Quelle war nicht brauchbar
problem-origin-failed-text = Das System, das dieses Auto kennt, hat etwas geantwortet, das sich nicht lesen lässt.
problem-origin-failed-todo = An Ihnen liegt es nicht. Versuchen Sie es später noch einmal.
problem-origin-unavailable-title = Die Quelle ist nicht erreichbar
problem-origin-unavailable-text = Das System, das dieses Auto kennt, fällt zurzeit aus und erhält eine Pause.
problem-origin-unavailable-todo = Versuchen Sie es in einigen Minuten noch einmal.
problem-market-unavailable-title = Der Markt ist nicht erreichbar
problem-market-unavailable-text = Den Markt gibt es, aber seine Einstellungen ließen sich nicht laden.
problem-market-unavailable-todo = Versuchen Sie es in einigen Minuten noch einmal.
problem-payload-too-large-title = Zu viel gesendet
problem-payload-too-large-text = Das Gesendete ist größer als jede gültige Anfrage.
problem-payload-too-large-todo = Geben Sie nur die FIN ein: 17 Zeichen.
problem-unsupported-media-type-title = Unbekanntes Format
problem-unsupported-media-type-text = Der Inhalt kam in einem Format, das hier nicht verstanden wird.
problem-unsupported-media-type-todo = Nutzen Sie das Formular. Wenn Sie die Schnittstelle nutzen: Senden Sie JSON mit „Content-Type: application/json“.
problem-method-not-allowed-title = Das geht unter dieser Adresse nicht
problem-method-not-allowed-text = Die Adresse gibt es, aber nicht für diese Art von Anfrage.
problem-method-not-allowed-todo = Beginnen Sie auf der Startseite. Wenn Sie die Schnittstelle nutzen: Der Header „Allow“ nennt die möglichen Methoden.
problem-misdirected-title = Dieser Markt liegt in einer anderen Region
problem-misdirected-text = Die Daten jedes Marktes bleiben in seiner Region. Diese Adresse bedient eine andere.
problem-misdirected-todo = Weiter geht es unter der Adresse der Heimatregion des Marktes.
problem-internal-title = Hier ist etwas schiefgegangen
problem-internal-text = Bei uns ist ein Fehler aufgetreten. An Ihrer Eingabe liegt es nicht.
problem-internal-todo = Versuchen Sie es noch einmal. Bleibt es dabei, nennen Sie uns die Vorgangsnummer.
