import { type AnyRoute, json, route } from './route.ts'

export interface HealthParts {
  /** One line for each part that waits, saying for what; empty when all is well. Rejects where nobody can tell. */
  readonly waiting: () => Promise<readonly string[]>
  /** Everything measured, in Prometheus' text format. */
  readonly metrics: () => Promise<string>
}

/** For orchestrators and monitoring; none of it says anything about rooms or users. */
export function healthRoutes({ waiting, metrics }: HealthParts): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/healthz',
      summary: 'Says that the process lives.',
      access: 'open',
      answers: { 200: ['health'] },
      handle: () => json(200, { status: 'ok' }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      summary: 'Says whether every part is at work, and which one waits for what.',
      access: 'open',
      answers: { 200: ['ready'], 503: ['waiting'] },
      async handle() {
        const parts = await waiting().catch((error: unknown) => [
          error instanceof Error ? error.message : 'the engines do not answer',
        ])
        return parts.length === 0
          ? json(200, { status: 'ready', waiting: parts })
          : json(503, { status: 'waiting', waiting: parts })
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'Everything that is measured, for Prometheus.',
      access: 'open',
      answers: { 200: "Prometheus' text format 0.0.4." },
      async handle() {
        const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
        return { status: 200, content: await metrics(), headers }
      },
    }),
  ]
}
