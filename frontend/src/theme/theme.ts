// Mantine in the look of api/templates/tokens.css. Must never hold a colour or a size of its own.
import {
  type CSSVariablesResolver,
  colorsTuple,
  createTheme,
  defaultVariantColorsResolver,
  type VariantColorsResolver,
} from "@mantine/core";

// Buttons: filled is ink, so that the accent stays for what is chosen; red fills are for what cannot be undone.
const variants: VariantColorsResolver = (input) => {
  const red = input.color === "red";
  const look = (background: string, hover: string, color: string, border: string) => ({
    background,
    hover,
    color,
    border: `1px solid ${border}`,
  });
  switch (input.variant) {
    case "filled":
      return red
        ? look("var(--bad-fill)", "var(--bad-fill)", "#fff", "transparent")
        : look("var(--ink)", "var(--ink-hover)", "var(--on-ink)", "transparent");
    case "default":
      return look("var(--paper)", "var(--tint)", red ? "var(--bad)" : "var(--ink)", "var(--line)");
    case "subtle":
      return look("transparent", "var(--tint)", red ? "var(--bad)" : "var(--ink)", "transparent");
    default:
      return defaultVariantColorsResolver(input);
  }
};

export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: 6,
  colors: { accent: colorsTuple("#3b45d1") },
  fontFamily: "var(--sans)",
  fontFamilyMonospace: "var(--mono)",
  defaultRadius: "var(--radius)",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontSizes: {
    xs: "var(--text-xs)",
    sm: "var(--text-sm)",
    md: "var(--text-md)",
    lg: "var(--text-lg)",
    xl: "var(--text-xl)",
  },
  spacing: { xs: "var(--s1)", sm: "var(--s2)", md: "var(--s4)", lg: "var(--s6)", xl: "var(--s8)" },
  variantColorResolver: variants,
  components: {
    Button: { defaultProps: { size: "sm", variant: "default" } },
    ActionIcon: { defaultProps: { size: "md", variant: "subtle" } },
    Checkbox: { defaultProps: { size: "xs" } },
    Switch: { defaultProps: { size: "sm", withThumbIndicator: false } },
    Table: { defaultProps: { verticalSpacing: "var(--s2)", horizontalSpacing: "var(--s3)" } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: false } },
    Menu: { defaultProps: { position: "bottom-end", shadow: "none", transitionProps: { duration: 80 } } },
  },
});

const roles = {
  "--mantine-color-body": "var(--paper)",
  "--mantine-color-text": "var(--ink)",
  "--mantine-color-bright": "var(--ink)",
  "--mantine-color-dimmed": "var(--soft)",
  "--mantine-color-placeholder": "var(--soft)",
  "--mantine-color-anchor": "var(--link)",
  "--mantine-color-error": "var(--bad)",
  "--mantine-color-default": "var(--paper)",
  "--mantine-color-default-hover": "var(--tint)",
  "--mantine-color-default-color": "var(--ink)",
  "--mantine-color-default-border": "var(--edge)",
  "--mantine-color-disabled": "var(--tint)",
  "--mantine-color-disabled-color": "var(--soft)",
  "--mantine-color-disabled-border": "var(--line)",
  "--mantine-color-accent-filled": "var(--accent-fill)",
  "--mantine-color-accent-filled-hover": "var(--accent-fill)",
  "--mantine-color-accent-light": "var(--accent-tint)",
  "--mantine-color-accent-light-hover": "var(--accent-tint)",
  "--mantine-color-accent-light-color": "var(--accent)",
  "--mantine-color-accent-outline": "var(--accent)",
};

// Mantine's greys, from its lightest to its darkest: borders of fields, backgrounds, disabled things.
const GRAYS = ["ground", "tint", "press", "line", "edge", "edge", "soft", "soft", "ink", "ink"];
const DARKS = ["ink", "ink", "soft", "soft", "edge", "press", "paper", "paper", "ground", "ground"];
const scale = (name: string, tokens: string[]) =>
  Object.fromEntries(tokens.map((token, step) => [`--mantine-color-${name}-${step}`, `var(--${token})`]));

// The same names in both schemes: tokens.css tells light from dark by itself.
export const resolver: CSSVariablesResolver = () => ({
  variables: { "--mantine-line-height": "1.45", "--mantine-font-weight-medium": "550" },
  light: { ...roles, ...scale("gray", GRAYS) },
  dark: { ...roles, ...scale("dark", DARKS) },
});
