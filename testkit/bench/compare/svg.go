package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The colours of the kinds, which read on white and on black.
var colours = map[kind]string{apache: "#d1495b", ours: "#00798c", bare: "#999999"}

// The geometry of plots, in pixels.
const (
	plotWidth  = 860
	labelWidth = 330
	barHeight  = 14
	barGap     = 12
	textStyle  = `font-family="sans-serif" font-size="12" fill="#777"`
)

// bars draws a figure of each scenario as a bar per kind.
func (w *writer) bars(title string, some []scenario, f figure, format func(float64) string, logarithmic bool) string {
	kinds := []kind{apache, ours, bare}
	most, least := 0.0, math.Inf(1)
	for _, s := range some {
		for _, k := range kinds {
			if v := w.Rows[s.name].mid(k, f); v > 0 {
				most, least = max(most, v), min(least, v)
			}
		}
	}
	if most == 0 {
		return ""
	}
	scale := scale{least: 0, most: most, size: plotWidth - labelWidth - 110}
	if logarithmic {
		scale.least, scale.logarithmic = least/2, true
	}
	var b strings.Builder
	y := 40
	for _, s := range some {
		first := y
		for _, k := range kinds {
			v := w.Rows[s.name].mid(k, f)
			if v == 0 {
				continue
			}
			width := scale.at(v)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>`+"\n", labelWidth, y, width, barHeight-2, colours[k])
			fmt.Fprintf(&b, `<text x="%.0f" y="%d" %s>%s</text>`+"\n", labelWidth+width+6, y+barHeight-4, textStyle, html.EscapeString(format(v)))
			y += barHeight
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" %s>%s</text>`+"\n", labelWidth-8, (first+y)/2+4, textStyle, html.EscapeString(s.title))
		y += barGap
	}
	return frame(y, title, b.String())
}

// scale maps values to pixels.
type scale struct {
	least, most, size float64
	logarithmic       bool
}

func (s scale) at(v float64) float64 {
	if s.logarithmic {
		return s.size * (math.Log(v) - math.Log(s.least)) / (math.Log(s.most) - math.Log(s.least))
	}
	return s.size * (v - s.least) / (s.most - s.least)
}

// frame is a plot with its title and legend.
func frame(height int, title, content string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<text x="8" y="18" %s font-weight="bold">%s</text>`+"\n", textStyle, html.EscapeString(title))
	x := plotWidth - 250
	for _, k := range []kind{apache, ours, bare} {
		fmt.Fprintf(&b, `<rect x="%d" y="8" width="12" height="12" fill="%s"/><text x="%d" y="18" %s>%s</text>`+"\n", x, colours[k], x+17, textStyle, k)
		x += 85
	}
	b.WriteString(content)
	b.WriteString("</svg>\n")
	return b.String()
}

type point struct{ x, y float64 }

type curve struct {
	name   string
	points []point
}

// lines is a plot of curves over a common axis.
type lines struct {
	title       string
	curves      []curve
	format      func(float64) string
	logarithmic bool
}

// lineHeight is the height of the area that lines are drawn in.
const lineHeight = 260

func (l lines) svg() string {
	most, least, right := 0.0, math.Inf(1), 0.0
	for _, c := range l.curves {
		for _, p := range c.points {
			most, least, right = max(most, p.y), min(least, p.y), max(right, p.x)
		}
	}
	if most == 0 {
		return ""
	}
	vertical := scale{most: most * 1.05, size: lineHeight}
	if l.logarithmic {
		vertical.least, vertical.logarithmic = max(least, 1)/1.5, true
	}
	const left, top = 90, 40
	horizontal := scale{most: right, size: plotWidth - left - 40}
	var b strings.Builder
	for i := range 5 {
		v := vertical.least + (most-vertical.least)*float64(i)/4
		if l.logarithmic {
			v = vertical.least * math.Pow(most/vertical.least, float64(i)/4)
		}
		y := top + lineHeight - vertical.at(max(v, vertical.least))
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.0f" y2="%.0f" stroke="#ccc"/>`+"\n", left, plotWidth-40, y, y)
		fmt.Fprintf(&b, `<text x="%d" y="%.0f" text-anchor="end" %s>%s</text>`+"\n", left-6, y+4, textStyle, html.EscapeString(l.format(v)))
	}
	for x := 0.0; x <= right; x += 25 {
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle" %s>%.0f %%</text>`+"\n", left+horizontal.at(x), top+lineHeight+18, textStyle, x)
	}
	for _, c := range l.curves {
		var path strings.Builder
		for _, p := range c.points {
			fmt.Fprintf(&path, "%.1f,%.1f ", left+horizontal.at(p.x), top+lineHeight-vertical.at(max(p.y, max(vertical.least, 1e-9))))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.TrimSpace(path.String()), colours[kind(c.name)])
	}
	return frame(top+lineHeight+30, l.title, b.String())
}
