// SPDX-License-Identifier: MIT
// What the API sends, as far as the pages use it.

export type Lang = 'es' | 'en';

/** A text that is the same in every language, or one per language. */
export type LocalText = string | Partial<Record<Lang, string>>;

export interface Product {
  id: string;
  name?: LocalText;
  description?: LocalText;
  icon?: string | null;
}

/** A newer server may know others. */
export type Status =
  | 'pending'
  | 'running'
  | 'failed'
  | 'sleeping'
  | 'deleting'
  | 'deleted'
  | (string & {});

export const PHASES = [
  'queued',
  'image',
  'network',
  'volume',
  'database',
  'app',
  'health',
  'ready',
] as const;
export type Phase = (typeof PHASES)[number];

export interface InstanceError {
  step?: string;
  reason?: LocalText;
}

export interface Instance {
  id: string;
  product_id: string;
  client_name: string;
  status: Status;
  phase?: string;
  progress?: number;
  message?: LocalText | null;
  error?: InstanceError | null;
  access_url?: string | null;
  /** What its application was told; the same as access_url where it shares our origin. */
  public_url?: string | null;
  created_at?: string;
  expires_at?: string | null;
}

export interface CreatedInstance extends Instance {
  access_token?: string;
}

export interface Credential {
  label: LocalText;
  value: string;
}
