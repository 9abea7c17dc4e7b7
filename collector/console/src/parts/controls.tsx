import { useId } from "preact/hooks";

export interface Option<T extends string | number> {
  readonly value: T;
  readonly label: string;
}

interface ChooseProps<T extends string | number> {
  readonly label: string;
  readonly options: readonly Option<T>[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}

/** A drop-down for many choices. */
export function Select<T extends string | number>(props: ChooseProps<T>) {
  const { label, options, value, onChange } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={String(value)}
        onChange={(event) => {
          const text = event.currentTarget.value;
          const chosen = options.find((option) => String(option.value) === text);
          if (chosen) onChange(chosen.value);
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={String(option.value)}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Buttons in one row for two to five choices; arrow keys move between them. */
export function Segments<T extends string | number>(props: ChooseProps<T>) {
  const { label, options, value, onChange } = props;
  const name = useId();
  return (
    <fieldset class="field segments">
      <legend>{label}</legend>
      <div class="segments-row">
        {options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
