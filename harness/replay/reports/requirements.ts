/** The rules of the protocol that come with the harness, for reports. */

import { ownRequirements } from '../bundled.ts';
import { type Requirements, requirementsSchema } from '../requirements.ts';

/** Oldest revision first; without those that cannot be read, for a report without its rules is still a report. */
export function knownRequirements(): Requirements[] {
  let files: Record<string, unknown>;
  try {
    files = ownRequirements();
  } catch {
    return [];
  }
  return Object.values(files)
    .flatMap((file) => requirementsSchema.safeParse(file).data ?? [])
    .sort((one, other) => (one.revision < other.revision ? -1 : 1));
}
