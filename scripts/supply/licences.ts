/** Holds the licences of everything that is shipped against the list in native/deny.toml: `npm run licences`. */
import {allowedLicences, cargoComponents, isAllowed, npmComponents} from './components.ts'

const allowed = allowedLicences()
const components = [...npmComponents(), ...cargoComponents()]
const refused = components.filter(({licence}) => licence === null || !isAllowed(licence, allowed))
for (const {kind, name, version, licence} of refused) {
  process.stdout.write(`✖ ${kind} ${name} ${version}: ${licence ?? 'states no licence'}\n`)
}

process.stdout.write(
  `${components.length - refused.length} of ${components.length} components have a licence of native/deny.toml\n`,
)
if (refused.length > 0) process.exitCode = 1
