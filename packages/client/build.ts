// Builds the SDK for other projects, and for the registry: `npm run sdk -- DIR`, see `--help`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const HELP = `Builds the SDK, which is not on npm yet, for a project of yours.

Usage: npm run sdk -- DIR

It leaves two tarballs in DIR: @holdfast/client, and @holdfast/protocol, which it needs. Then, in your project:

  npm install DIR/*.tgz
`

/** Leaves a tarball of the protocol and one of the client in `into`, and returns their paths. */
export function pack(into: string): readonly string[] {
  mkdirSync(into, { recursive: true })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sdk-'))
  try {
    const { protocol, client } = build(folder)
    return [protocol, client].map((built) => tarball(built, resolve(into)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function tarball(built: string, into: string): string {
  const { name, version } = JSON.parse(readFileSync(join(built, 'package.json'), 'utf8'))
  const options = ['pack', '--silent', '--pack-destination', into]
  const { status } = spawnSync('npm', options, { cwd: built, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`npm could not pack ${name}`)
  return join(into, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
}

/** Emits JavaScript and types of the protocol and of the client into `into`, each beside its package.json. */
export function build(into: string): { readonly protocol: string; readonly client: string } {
  const protocol = emit('protocol', ['index.ts', 'schemas.ts'], into, {})
  // The client is checked against the types that are published with it, not against the source.
  const paths = {
    '@holdfast/protocol': [join(protocol, 'dist/index.d.ts')],
    typebox: [join(ROOT, 'node_modules/typebox/build/index.d.mts')],
  }
  return { protocol, client: emit('client', ['index.ts'], into, paths) }
}

function emit(
  name: string,
  entries: readonly string[],
  into: string,
  paths: Record<string, readonly string[]>,
): string {
  const source = join(ROOT, 'packages', name)
  const folder = join(resolve(into), name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), manifest(source))
  for (const [from, file] of [
    [source, 'README.md'],
    [ROOT, 'LICENSE'],
  ] as const)
    if (existsSync(join(from, file))) copyFileSync(join(from, file), join(folder, file))
  const project = join(folder, 'tsconfig.json')
  writeFileSync(project, JSON.stringify(settings(source, entries, join(folder, 'dist'), paths)))
  const { status } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`tsc could not emit ${name}`)
  return folder
}

/** As in the source, without what refuses to pack the source; the Node it needs is asked for only where it is installed to be run. */
function manifest(source: string): string {
  const { scripts: _, ...published } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  return `${JSON.stringify({ ...published, engines: { node: '>=22' } }, null, 2)}\n`
}

function settings(
  source: string,
  entries: readonly string[],
  outDir: string,
  paths: Record<string, readonly string[]>,
) {
  return {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      customConditions: [],
      rootDir: join(source, 'src'),
      outDir,
      paths,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    files: entries.map((entry) => join(source, 'src', entry)),
    include: [],
  }
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))

function main(args: readonly string[]): number {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: { help: { type: 'boolean', short: 'h' } },
  })
  const unknown = tokens.find((token) => token.kind === 'option' && token.name !== 'help')
  const [into] = positionals
  if (values.help === true) process.stdout.write(HELP)
  else if (unknown !== undefined || into === undefined || positionals.length > 1) {
    process.stderr.write('sdk: say into which folder, and nothing else: npm run sdk -- DIR\n')
    return 2
  } else {
    const tarballs = pack(into)
    process.stdout.write(`In your project:\n\n  npm install ${tarballs.join(' ')}\n`)
  }
  return 0
}
