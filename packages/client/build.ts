// Builds what goes to the registry: `node node26.mjs packages/client/build.ts DIR` makes DIR/protocol and DIR/client, each ready for `npm pack`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

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
  for (const [from, file] of [
    [source, 'package.json'],
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

if (import.meta.main) {
  const [into] = process.argv.slice(2)
  if (into === undefined) {
    console.error('Say into which folder: node node26.mjs packages/client/build.ts DIR')
    process.exit(2)
  }
  const { protocol, client } = build(into)
  console.log(`${protocol}\n${client}`)
}
