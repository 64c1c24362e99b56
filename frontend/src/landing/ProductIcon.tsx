// SPDX-License-Identifier: MIT
import { useState } from 'react';

function usable(icon: string | null | undefined): icon is string {
  return typeof icon === 'string' && /^(data:image\/|https:\/\/)/i.test(icon);
}

/** A product's icon, or its initial where there is none or it does not load. */
export function ProductIcon({ icon, name }: { icon?: string | null; name: string }) {
  const [broken, setBroken] = useState(false);
  return (
    <span className="icon" aria-hidden="true">
      {usable(icon) && !broken ? (
        <img
          src={icon}
          alt=""
          width="36"
          height="36"
          decoding="async"
          referrerPolicy="no-referrer"
          onError={() => setBroken(true)}
        />
      ) : (
        <span>{[...name][0]?.toUpperCase()}</span>
      )}
    </span>
  );
}
