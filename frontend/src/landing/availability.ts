// SPDX-License-Identifier: MIT
import { formatDate } from '../shared/i18n';
import type { Instance, Lang } from '../shared/types';
import { isUsable } from './deployments';
import type { Strings } from './strings';

/** Until when there is this instance, in words; '' where there is none any more, or nobody said. */
export function availability(instance: Instance, lang: Lang, t: Strings): string {
  if (instance.status !== 'pending' && !isUsable(instance)) return '';
  if (instance.expires_at === null) return t.neverExpires;
  const until = formatDate(instance.expires_at ?? '', lang);
  return until && t.availableUntil(until);
}
