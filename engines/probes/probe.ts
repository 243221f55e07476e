import { kafkaAnswers } from './kafka.ts'
import { mongodbAnswers } from './mongodb.ts'
import { postgresqlAnswers } from './postgresql.ts'
import { searchAnswers } from './search.ts'

/** How to ask a process whether it serves. */
export interface Probe {
  readonly protocol: 'kafka' | 'mongodb' | 'postgresql' | 'search'
  readonly port: number
  /** Ready only when it knows of so many brokers. */
  readonly brokers?: number | undefined
  /** With TLS, and who signed the certificate. */
  readonly caFile?: string | undefined
}

const ANSWERS = { kafka: kafkaAnswers, mongodb: mongodbAnswers, postgresql: postgresqlAnswers, search: searchAnswers }

/** Whether it answers as one who serves; no answer within a second is a no. */
export function answers(probe: Probe): Promise<boolean> {
  return ANSWERS[probe.protocol](probe).catch(() => false)
}
