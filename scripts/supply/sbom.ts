/** Writes what is shipped as CycloneDX 1.6, npm packages and crates together: `npm run sbom`, to release/. */
import {Buffer} from 'node:buffer'
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {readManifest, ROOT} from '../release/packages.ts'
import {cargoComponents, type Component, npmComponents} from './components.ts'

const {name, version} = readManifest()

function purl({kind, name: component, version: of}: Component): string {
  return `pkg:${kind}/${component.replace('@', '%40')}@${of}`
}

/** SHA-512 as npm writes it, in base64, as CycloneDX does, in hexadecimal digits. */
function hashes(integrity: string | undefined): object {
  const digest = /^sha512-(\S+)/.exec(integrity ?? '')?.[1]
  return digest === undefined
    ? {}
    : {hashes: [{alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex')}]}
}

const components = [...npmComponents(), ...cargoComponents()].map((component) => ({
  type: 'library',
  'bom-ref': purl(component),
  name: component.name,
  version: component.version,
  purl: purl(component),
  ...(component.licence !== null && {licenses: [{expression: component.licence.replaceAll('/', ' OR ')}]}),
  ...hashes(component.integrity),
}))
const root = `pkg:npm/${name}@${version}`
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: {component: {type: 'application', 'bom-ref': root, name, version, purl: root}},
  components,
}
const file = path.join(ROOT, 'release', `npubridge-${version}.cdx.json`)
mkdirSync(path.dirname(file), {recursive: true})
writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`)
process.stdout.write(`${path.relative(ROOT, file)}: ${components.length} components\n`)
