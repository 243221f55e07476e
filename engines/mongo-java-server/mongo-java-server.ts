import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine } from '../engine.ts'
import { COPY_JARS } from '../machine/maven.ts'
import { JAVA, JAVAC, MAVEN } from '../machine/tools.ts'
import { mongodbUrl } from '../mongodb-url.ts'

export const MONGO_JAVA_SERVER: Engine = {
  name: 'mongo-java-server',
  what: 'mongo-java-server 1.47.0 on an H2 file, synced before each answer',
  program: {
    name: 'mongo-java-server',
    version: '1.47.0',
    tools: [JAVA, JAVAC, MAVEN],
    takes: 'about 20 seconds',
    recipe: fileURLToPath(new URL('recipe', import.meta.url)),
    steps: [COPY_JARS, { command: 'javac', args: ['-cp', join('lib', '*'), '-d', 'classes', 'Launcher.java'] }],
  },
  ports: { first: 27_317, clients: 1, inner: 0 },
  url: mongodbUrl,
  prepare: async ({ program, folder, ports }) => {
    await mkdir(join(folder, 'data'), { recursive: true })
    const [port = 0] = ports.clients
    const classes = [join(program, 'classes'), join(program, 'lib', '*')].join(delimiter)
    return [
      [
        {
          name: 'mongo-java-server',
          command: 'java',
          args: [
            '-Xmx512m',
            '-XX:+UseSerialGC',
            '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
            '-cp',
            classes,
            'Launcher',
            String(port),
            join('data', 'store.h2'),
          ],
          folder,
          stopSignal: 'SIGTERM',
          probe: { protocol: 'mongodb', port },
        },
      ],
    ]
  },
}
